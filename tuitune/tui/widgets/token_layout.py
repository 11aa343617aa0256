"""Tokens set in lines: white space made visible, a new line after each ⏎, and a rule where the row is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from tuitune.text import clean

NEWLINE = "⏎"
WHITE_SPACE = "␣⇥␍" + NEWLINE
_VISIBLE = str.maketrans(" \t\r\n", WHITE_SPACE)
_BEARER = "◌"


class Piece(NamedTuple):
    """A part of the token number `token` that stands in one line; `width` in cells."""

    text: str
    token: int
    width: int


@dataclass(frozen=True)
class Line:
    """A line of pieces; the one `rule` has none and stands before the first token that is cut off."""

    pieces: tuple[Piece, ...]
    rule: bool = False

    @property
    def first(self) -> int | None:
        """The token that the line begins with."""
        return self.pieces[0].token if self.pieces else None


@dataclass(frozen=True)
class Layout:
    """The lines of a row, and for each token the line it begins in."""

    lines: tuple[Line, ...]
    line_of: tuple[int, ...]


def visible(text: str) -> str:
    """The text of a token with white space to be seen; a text without any width gets something to stand on."""
    shown = clean(text.translate(_VISIBLE))
    return shown if cell_len(shown) else _BEARER + shown


def lay_out(texts: Sequence[str], width: int, *, kept: int | None = None) -> Layout:
    """Set `texts`, one for each token, in lines of at most `width` cells that end after each ⏎.

    A token is broken only where it is longer than a line. The rule stands before the token number `kept`.
    """
    width = max(width, 2)
    lines: list[Line] = []
    line_of: list[int] = []
    pieces: list[Piece] = []
    used = 0

    def end_line() -> None:
        nonlocal pieces, used
        if pieces:
            lines.append(Line(tuple(pieces)))
            pieces, used = [], 0

    for token, text in enumerate(texts):
        if token == kept:
            end_line()
            lines.append(Line((), rule=True))
        begun = False
        for part in _parts(text, width):
            cells = cell_len(part)
            if used + cells > width:
                end_line()
            if not begun:
                line_of.append(len(lines))
                begun = True
            pieces.append(Piece(part, token, cells))
            used += cells
            if part.endswith(NEWLINE):
                end_line()
    end_line()
    return Layout(tuple(lines), tuple(line_of))


def _parts(text: str, width: int) -> list[str]:
    """`text` in parts that end with ⏎ or with the text, none of them wider than `width`."""
    if NEWLINE not in text and len(text) * 2 <= width:
        return [text]
    ended = [part + NEWLINE for part in text.split(NEWLINE)]
    ended[-1] = ended[-1].removesuffix(NEWLINE)
    return [piece for part in ended if part for piece in chop_cells(part, width)]
