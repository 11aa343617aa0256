"""One line of text to type into, with the place that is typed at always in sight."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.widgets import Input


class LineInput(Input):
    """Textual's input, one row high. That one stays at the beginning of a text that arrives at once, wider than itself:
    pasted, or there from the start.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("alt+backspace", "delete_left_word", show=False)]

    def __init__(self, value: str = "", **options: Any) -> None:
        """`options` as `Input` takes them."""
        super().__init__(value, compact=True, **options)
        self.cursor_blink = False

    def watch_selection(self) -> None:
        self.call_after_refresh(self._follow)

    def on_resize(self) -> None:
        self._follow()

    def _follow(self) -> None:
        """Bring the cursor into sight."""
        column = self.cursor_screen_offset.x - self.content_region.x + self.scroll_offset.x
        self.scroll_to_region(Region(column, 0, 1, 1), force=True, animate=False)
