"""Tokens set in lines: white space made visible, a new line after each ⏎, and a rule where the row is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from tuitune.text import clean

NEWLINE = "⏎"
WHITE_SPACE = "␣⇥␍" + NEWLINE
_VISIBLE = str.maketrans(" \t\r\n", WHITE_SPACE)
_BEARER = "◌"
_REMEMBERED = 8_192
"""A row says the same words again and again."""


class Piece(NamedTuple):
    """A part of the token number `token` that stands in one line; `width` in cells."""

    text: str
    token: int
    width: int


class TokenLine(NamedTuple):
    """A line of pieces, and the `first` token that begins in it, None where a token only goes on.

    The one `rule` has no pieces and stands before the first token that is cut off.
    """

    pieces: tuple[Piece, ...]
    first: int | None
    rule: bool = False


@dataclass(frozen=True)
class Layout:
    """The lines of a row, and for each token the line it begins in."""

    lines: tuple[TokenLine, ...]
    line_of: tuple[int, ...]


@lru_cache(_REMEMBERED)
def visible(text: str) -> str:
    """The text of a token with white space to be seen; a text without any width gets something to stand on."""
    shown = clean(text.translate(_VISIBLE))
    return shown if cell_len(shown) else _BEARER + shown


def lay_out(texts: Sequence[str], width: int, *, kept: int | None = None) -> Layout:
    """Set `texts`, one for each token, in lines of at most `width` cells that end after each ⏎.

    A token is broken only where it is longer than a line. The rule stands before the token number `kept`.
    """
    width = max(width, 2)
    lines: list[TokenLine] = []
    line_of: list[int] = []
    pieces: list[Piece] = []
    used = 0
    first: int | None = None

    def end_line() -> None:
        nonlocal pieces, used, first
        if pieces:
            lines.append(TokenLine(tuple(pieces), first))
            pieces, used, first = [], 0, None

    for token, text in enumerate(texts):
        if token == kept:
            end_line()
            lines.append(TokenLine((), None, rule=True))
        begun = False
        for part, cells in _parts(text, width):
            if used + cells > width:
                end_line()
            if not begun:
                line_of.append(len(lines))
                first = token if first is None else first
                begun = True
            pieces.append(Piece(part, token, cells))
            used += cells
            if part.endswith(NEWLINE):
                end_line()
    end_line()
    return Layout(tuple(lines), tuple(line_of))


@lru_cache(_REMEMBERED)
def _parts(text: str, width: int) -> tuple[tuple[str, int], ...]:
    """`text` in parts, with their widths, that end with ⏎ or with the text; none of them wider than `width`."""
    ended = [part + NEWLINE for part in text.split(NEWLINE)]
    ended[-1] = ended[-1].removesuffix(NEWLINE)
    return tuple((piece, cell_len(piece)) for part in ended if part for piece in chop_cells(part, width))
