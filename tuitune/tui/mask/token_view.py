"""The tokens of a row, line by line: those learned lit and underlined, those masked dim, each told from the next."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tuitune.tui.mask.token_layout import NEWLINE, WHITE_SPACE, Layout, TokenLine, lay_out, visible
from tuitune.views.inspector_replies import Token, TokenizedRow

_WHITE = re.compile(f"([{WHITE_SPACE}]+)")
_LEARNED_MARK = "▌"


class TokenView(ScrollView, can_focus=True):
    """A cursor over tokens. At the left of a line stand the number of its first token and a mark where any is learned.

    What is learned is underlined as well as coloured, and bold where it is special; what is masked is dim, special or
    not. Neighbours differ in shade (in weight or slant, without colour), so that colour is never the only sign.
    Only the lines in view are drawn.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l", "step(1)", show=False),
        Binding("up,k", "line(-1)", show=False),
        Binding("down,j", "line(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
        Binding("pagedown,ctrl+d,space", "page(1)", show=False),
        Binding("g,home", "edge(0)", show=False),
        Binding("G,end", "edge(-1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"token-view--{name}" for name in (
            "gutter", "learned-mark", "learned", "learned-next", "masked", "masked-next", "cut", "cut-next",
            "learned-special", "masked-special", "space", "rule", "cursor",
        )
    }  # fmt: skip
    DEFAULT_CSS = """
    TokenView {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: transparent;
        & > .token-view--gutter { color: $rule; }
        & > .token-view--learned-mark { color: $ok; }
        & > .token-view--learned { color: $ok; text-style: underline; }
        & > .token-view--learned-next { color: $ok; background: $cursor; text-style: underline; }
        & > .token-view--masked { color: $faint; }
        & > .token-view--masked-next { color: $faint; background: $panel; }
        & > .token-view--cut { color: $faint; text-style: strike; }
        & > .token-view--cut-next { color: $faint; background: $panel; text-style: strike; }
        & > .token-view--learned-special { text-style: bold; }
        & > .token-view--masked-special { color: $accent 60%; }
        & > .token-view--space { color: $faint 60%; }
        & > .token-view--rule { color: $warn; }
        & > .token-view--cursor { color: $background; background: $accent; text-style: none; }
    }
    TokenView:ansi {
        & > .token-view--learned-next { text-style: underline bold; }
        & > .token-view--masked { text-style: dim; }
        & > .token-view--masked-next { text-style: dim italic; }
        & > .token-view--cut { text-style: strike dim; }
        & > .token-view--cut-next { text-style: strike dim italic; }
        & > .token-view--masked-special { color: $accent; }
        & > .token-view--cursor { color: ansi_default; background: ansi_default; text-style: reverse; }
    }
    """

    class Highlighted(Message):
        """The cursor came to a token."""

        def __init__(self, view: TokenView, token: int) -> None:
            super().__init__()
            self.view = view
            self.token = token

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown: TokenizedRow | None = None
        self.tokens: Sequence[Token] = ()
        self._kept = 0
        self._texts: Sequence[str] = ()
        self._layout = Layout((), ())
        self._cursor = 0

    def show(self, row: TokenizedRow | None, *, numbers: bool = False) -> None:
        """Show the tokens of `row`, or their numbers in the vocabulary. The cursor stays where the tokens are the same;
        in other ones it goes to the first.
        """
        self.shown = row
        tokens = row.tokens if row else ()
        if [token.id for token in tokens] != [token.id for token in self.tokens]:
            self._cursor = 0
            self.scroll_home(animate=False)
        self.tokens, self._kept = tokens, row.kept if row else 0
        self._texts = [_number(token) if numbers else visible(token.text) for token in tokens]
        self._set()
        self._tell()

    @property
    def current(self) -> int | None:
        """The number of the token under the cursor, from 0; None where there are no tokens."""
        return self._cursor if self.tokens else None

    def next_answer(self, by: int) -> bool:
        """Go to where the next (or, with -1, the one before) run of learned tokens begins; False where there is none.

        A run beyond the cut is none.
        """
        learned = [token.learned for token in self.tokens[: self._kept]]
        starts = [at for at, one in enumerate(learned) if one and not (at and learned[at - 1])]
        passed = [at for at in starts if (at > self._cursor if by > 0 else at < self._cursor)]
        if passed:
            self._go(passed[0] if by > 0 else passed[-1])
        return bool(passed)

    # Moving

    def action_step(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        self.action_line(by * max(self.size.height - 1, 1))

    def action_edge(self, which: int) -> None:
        self._go(0 if which == 0 else len(self.tokens) - 1)

    def on_click(self, event: Click) -> None:
        line = event.y + self.scroll_offset.y
        left = self._gutter_width
        for piece in self._layout.lines[line].pieces if line < len(self._layout.lines) else ():
            if left <= event.x < left + piece.width:
                self._go(piece.token)
            left += piece.width

    def action_line(self, by: int) -> None:
        """Go that many lines down, or to the next one beyond in which a token begins: to the one below the cursor."""
        if not self.tokens:
            return
        lines, here = self._layout.lines, self._layout.line_of[self._cursor]
        way = 1 if by > 0 else -1
        at = min(max(here + by, 0), len(lines) - 1)
        while 0 <= at < len(lines) and lines[at].first is None:
            at += way
        if 0 <= at < len(lines):
            column = sum(piece.width for piece in lines[here].pieces if piece.token < self._cursor)
            begun = [piece for piece in lines[at].pieces if piece.token >= (lines[at].first or 0)]
            left = sum(piece.width for piece in lines[at].pieces) - sum(piece.width for piece in begun)
            ends = list(accumulate((piece.width for piece in begun), initial=left))
            self._go(begun[max(bisect_right(ends[:-1], column) - 1, 0)].token)

    def _go(self, token: int) -> None:
        token = min(max(token, 0), len(self.tokens) - 1)
        if not self.tokens or token == self._cursor:
            return
        before, self._cursor = self._cursor, token
        for changed in (before, token):
            top, height = self._span(changed)
            self.refresh(Region(0, top - self.scroll_offset.y, self._width, height))
        self._scroll_to_cursor()
        self._tell()

    def _span(self, token: int) -> tuple[int, int]:
        """First line and number of lines of a token."""
        first = last = self._layout.line_of[token]
        lines = self._layout.lines
        while last + 1 < len(lines) and any(piece.token == token for piece in lines[last + 1].pieces[:1]):
            last += 1
        return first, last - first + 1

    def _scroll_to_cursor(self) -> None:
        if self.tokens:
            top, _ = self._span(self._cursor)
            self.scroll_to_region(Region(0, top, 1, 1), animate=False, force=True)

    def _tell(self) -> None:
        if self.tokens:
            self.post_message(self.Highlighted(self, self._cursor))

    def on_focus(self) -> None:
        self._tell()

    # Drawing

    def on_resize(self) -> None:
        self._set()
        self.call_after_refresh(self._scroll_to_cursor)

    def notify_style_update(self) -> None:
        self.refresh()
        super().notify_style_update()

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    @property
    def _gutter_width(self) -> int:
        return len(f"{len(self.tokens):,}") + 2

    def _set(self) -> None:
        """Break the tokens into lines for the width there is; a column is kept for the scrollbar."""
        kept = self._kept if self._kept < len(self.tokens) else None
        self._layout = lay_out(self._texts, self.size.width - self._gutter_width - 1, kept=kept)
        self.virtual_size = Size(0, len(self._layout.lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, at = self._width, y + self.scroll_offset.y
        blank = self.visual_style.rich_style
        if at >= len(self._layout.lines) or not width:
            return Strip.blank(width, blank)
        line = self._layout.lines[at]
        segments = self._rule() if line.rule else [*self._gutter(line), *self._pieces(line)]
        return Strip(segments).adjust_cell_length(width, blank)

    def _gutter(self, line: TokenLine) -> list[Segment]:
        learned = any(self.tokens[piece.token].learned and piece.token < self._kept for piece in line.pieces)
        number = ("" if line.first is None else f"{line.first + 1:,}").rjust(self._gutter_width - 2) + " "
        mark = Segment(_LEARNED_MARK if learned else " ", self._style("gutter" if not learned else "learned-mark"))
        return [Segment(number, self._style("gutter")), mark]

    def _pieces(self, line: TokenLine) -> list[Segment]:
        return [
            Segment(part, self._style_of(piece.token, "space" if part[0] in WHITE_SPACE else ""))
            for piece in line.pieces
            for part in _WHITE.split(piece.text)
            if part
        ]

    def _rule(self) -> list[Segment]:
        beyond = len(self.tokens) - self._kept
        words = f"─── {self._kept:,} tokens kept · the {beyond:,} below are cut off: the model never sees them "
        return [Segment(words + "─" * max(self._width - len(words), 0), self._style("rule"))]

    def _style_of(self, number: int, space: str) -> Style:
        token = self.tokens[number]
        if number == self._cursor:
            return self.get_component_rich_style("token-view--cursor")  # a visual style knows no reverse
        kind = "cut" if number >= self._kept else "learned" if token.learned else "masked"
        special = f"{'learned' if kind == 'learned' else 'masked'}-special" if token.special else ""
        return self._style(*filter(None, (f"{kind}-next" if number % 2 else kind, space or special)))

    def _style(self, *names: str) -> Style:
        return self.get_visual_style(*(f"token-view--{name}" for name in names)).rich_style


def _number(token: Token) -> str:
    """A token's number, apart from the next by a space; the line ends where the text's does."""
    return f"{token.id} " + (NEWLINE if "\n" in token.text else "")
