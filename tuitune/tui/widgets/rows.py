"""Lines of styled text that are repainted one by one: for figures that change every second."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget


class Rows(Widget):
    """Shows `lines`, each cut at the widget's width. Only lines that changed are sent to the terminal."""

    DEFAULT_CSS = "Rows { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Content] = []

    @property
    def text(self) -> str:
        """What is shown, without its colours."""
        return "\n".join(line.plain for line in self._lines)

    def show_lines(self, lines: Sequence[Content]) -> None:
        before, self._lines = self._lines, list(lines)
        if len(before) != len(self._lines):
            self.refresh(layout=self.styles.is_auto_height)
            return
        pairs = zip(before, self._lines, strict=True)
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in enumerate(pairs) if not old.is_same(new)]
        if changed:
            self.refresh(*changed)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, self._lines[y].truncate(width, ellipsis=True), width, 1, self.visual_style)[0]
