"""A list of rows with one under the cursor, drawn line by line: only lines that changed are sent to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

_GUTTER = 2


@dataclass(frozen=True)
class ListRow:
    """A row: `draw(width)` gives its `height` lines; the cursor passes over rows that are not `selectable`."""

    key: str
    draw: Callable[[int], Sequence[Content]]
    height: int = 1
    selectable: bool = True


def text_row(key: str, text: Content | str, *, selectable: bool = False) -> ListRow:
    """A row of one line, cut at the width there is; strings are ours, not foreign."""
    lines = [text if isinstance(text, Content) else Content(text)]
    return ListRow(key, lambda _width: lines, selectable=selectable)


class RowList(ScrollView, can_focus=True):
    """Rows under a cursor. The mark in the first column says where it is, so colour is never the only sign."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("g,home", "edge(0)", "First", show=False),
        Binding("G,end", "edge(-1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--cursor"}
    DEFAULT_CSS = """
    RowList {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: transparent;
        & > .row-list--cursor { background: $panel; }
        &:focus > .row-list--cursor { background: $cursor; }
    }
    """

    class About(Message):
        """Something happened to the row `key`."""

        def __init__(self, row_list: RowList, key: str) -> None:
            super().__init__()
            self.row_list = row_list
            self.key = key

        @property
        def control(self) -> RowList:
            return self.row_list

    class Highlighted(About):
        """The cursor came to a row."""

    class Clicked(About):
        """The row under the cursor was clicked, once."""

    class DoubleClicked(About):
        """The row under the cursor was clicked a second time at once."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: list[ListRow] = []
        self._tops: list[int] = []
        self._line_owner: list[int] = []
        self._drawn: dict[int, Sequence[Content]] = {}
        self._drawn_width = 0
        self._cursor = 0

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor; None in a list with nothing to select."""
        return self.rows[self._cursor].key if self.rows and self.rows[self._cursor].selectable else None

    def set_rows(self, rows: Sequence[ListRow], *, cursor: str | None = None) -> None:
        """Show `rows`; the cursor stays on its row, or as near to where it was as can be.

        With `cursor` it goes to the row of that key, or to the first where there is none.
        """
        wanted = cursor if cursor is not None else self.current
        in_sight = self.current is not None and self.line_of(self.current) is not None
        before, layout_before, cursor_before = self._visible_lines(), self._line_owner, self._cursor
        self.rows = list(rows)
        self._drawn.clear()
        self._tops, self._line_owner = [], []
        for index, row in enumerate(self.rows):
            self._tops.append(len(self._line_owner))
            self._line_owner.extend([index] * row.height)
        found = self._find(wanted)
        self._cursor = found if found is not None else self._nearest(self._cursor if cursor is None else 0)
        moved = len(layout_before) != len(self._line_owner)
        if moved:
            self.virtual_size = Size(0, len(self._line_owner))
            self.refresh()
        else:
            self._refresh_changed(before)
            if self._cursor != cursor_before:
                self._refresh_row(cursor_before)
                self._refresh_row(self._cursor)
        if cursor is not None or found is None or (moved and in_sight):
            self.call_after_refresh(self._scroll_to_cursor)
        if self.current is not None and (found is None or cursor is not None):
            self.post_message(self.Highlighted(self, self.current))

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row `key`; False where there is none."""
        if (index := self._find(key)) is not None:
            self._go(index)
        return index is not None

    def _find(self, key: str | None) -> int | None:
        return next((index for index, row in enumerate(self.rows) if row.key == key and row.selectable), None)

    def bring(self, first: str, last: str) -> None:
        """Scroll the rows from `first` to `last` into sight, as far as they fit, with as much as can be above them."""
        places = {row.key: place for place, row in enumerate(self.rows)}
        if last in places:
            top, end = self._tops[places.get(first, places[last])], places[last]
            self.call_after_refresh(self._bring, top, self._tops[end] + self.rows[end].height)

    def _bring(self, top: int, end: int) -> None:
        first = 0 if end <= self.size.height else top
        self.scroll_to_region(Region(0, first, 1, end - first), animate=False, force=True)
        self._scroll_to_cursor()

    def line_of(self, key: str) -> int | None:
        """Where the row `key` begins, in lines below the top of the widget; None where it is out of sight."""
        index = self._find(key)
        line = self._tops[index] - self.scroll_offset.y if index is not None else -1
        return line if 0 <= line < self.size.height else None

    def action_move(self, by: int) -> None:
        index = self._cursor + by
        while 0 <= index < len(self.rows) and not self.rows[index].selectable:
            index += by
        if 0 <= index < len(self.rows):
            self._go(index)
        else:
            self.scroll_to(y=0 if by < 0 else self.max_scroll_y, animate=False)

    def action_page(self, by: int) -> None:
        if self.rows:
            line = self._tops[self._cursor] + by * max(1, self.size.height - 1)
            line = min(max(line, 0), len(self._line_owner) - 1)
            self._go(self._nearest(self._line_owner[line]))

    def action_edge(self, index: int) -> None:
        if self.rows:
            self._go(self._nearest(index % len(self.rows)))

    def on_click(self, event: Click) -> None:
        line = event.y + self.scroll_offset.y
        if line < len(self._line_owner) and self.rows[self._line_owner[line]].selectable:
            self._go(self._line_owner[line])
            kind = {1: self.Clicked, 2: self.DoubleClicked}.get(event.chain)
            if kind is not None:
                self.post_message(kind(self, self.rows[self._cursor].key))

    def on_resize(self) -> None:
        self.call_after_refresh(self._scroll_to_cursor)

    def notify_style_update(self) -> None:
        self.refresh()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width, line = self._width, y + self.scroll_offset.y
        if line >= len(self._line_owner) or not width:
            return Strip.blank(width, self.rich_style)
        index = self._line_owner[line]
        under_cursor = index == self._cursor and self.rows[index].selectable
        style = self.get_visual_style("row-list--cursor") if under_cursor else self.visual_style
        content = self._line(index, line - self._tops[index])
        mark = "›" if under_cursor and line == self._tops[index] else " "
        full = Content.assemble((mark.ljust(_GUTTER), "$accent bold" if self.has_focus else "$faint"), content)
        return self._strip(full.truncate(width, ellipsis=True, pad=True), width, style)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _strip(self, content: Content, width: int, style: Style) -> Strip:
        strips = Visual.to_strips(self, content, width, 1, style, apply_selection=False, pad=True)
        return strips[0] if strips else Strip.blank(width, style.rich_style)

    def _line(self, index: int, offset: int) -> Content:
        if self._drawn_width != self._width:
            self._drawn, self._drawn_width = {}, self._width
        if index not in self._drawn:
            self._drawn[index] = self.rows[index].draw(max(1, self._width - _GUTTER))
        lines = self._drawn[index]
        return lines[offset] if offset < len(lines) else Content("")

    def _nearest(self, index: int) -> int:
        choices = [place for place, row in enumerate(self.rows) if row.selectable]
        return min(choices, key=lambda place: abs(place - index), default=0)

    def _go(self, index: int) -> None:
        if index == self._cursor:
            return
        before, self._cursor = self._cursor, index
        self._refresh_row(before)
        self._refresh_row(index)
        self._scroll_to_cursor()
        self.post_message(self.Highlighted(self, self.rows[index].key))

    def _scroll_to_cursor(self) -> None:
        if self.rows and self._cursor < len(self._tops):
            top, height = self._tops[self._cursor], self.rows[self._cursor].height
            first = top if any(row.selectable for row in self.rows[: self._cursor]) else 0
            self.scroll_to_region(Region(0, first, 1, top - first + height), animate=False, force=True)

    def _visible_lines(self) -> list[Content]:
        top = self.scroll_offset.y
        owners = self._line_owner[top : top + self.size.height]
        return [self._line(index, top + at - self._tops[index]) for at, index in enumerate(owners)]

    def _refresh_changed(self, before: list[Content]) -> None:
        for y, (old, new) in enumerate(zip(before, self._visible_lines(), strict=False)):
            if not old.is_same(new):
                self.refresh(Region(0, y, self._width, 1))

    def _refresh_row(self, index: int) -> None:
        if index < len(self.rows):
            top = self._tops[index] - self.scroll_offset.y
            self.refresh(Region(0, top, self._width, self.rows[index].height))
