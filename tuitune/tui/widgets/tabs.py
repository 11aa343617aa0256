"""Names in one line, of which one is in front; a click brings another one there."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget


class Tabs(Widget):
    """A line of tabs, each a key and its name. Where the line is too narrow, the first ones give way to the current."""

    DEFAULT_CSS = "Tabs { height: 1; padding: 0 1; }"
    GAP = 0
    """Cells between two tabs."""

    class Chosen(Message):
        """The tab `key` was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self._tabs: Sequence[tuple[str, Content]] = ()
        self._current = ""

    def show_tabs(self, tabs: Sequence[tuple[str, Content]], current: str) -> None:
        """Show these; nothing is drawn again where nothing changed."""
        before, self._tabs, self._current = self._line(), list(tabs), current
        if not self._line().is_same(before):
            self.refresh()

    def render(self) -> Content:
        return self._line().truncate(self.content_size.width, ellipsis=True)

    def on_click(self, event: Click) -> None:
        left, at = self.gutter.left, 0
        for key, name in self._in_sight():
            at += name.cell_length + self.GAP
            if event.x - left < at:
                self.post_message(self.Chosen(key))
                return

    def _in_sight(self) -> Sequence[tuple[str, Content]]:
        """The tabs from the first one that leaves room for the current one."""
        place = next((at for at, (key, _) in enumerate(self._tabs) if key == self._current), 0)
        first, room = 0, self.content_size.width + self.GAP
        while first < place and sum(name.cell_length + self.GAP for _, name in self._tabs[first : place + 1]) > room:
            first += 1
        return self._tabs[first:]

    def _line(self) -> Content:
        return Content(" " * self.GAP).join([name for _, name in self._in_sight()])
