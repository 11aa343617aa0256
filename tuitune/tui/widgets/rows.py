"""Lines of styled text of which only what changed is repainted: for figures that change every second."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget


class Rows(Widget):
    """Shows `lines`, each cut at the widget's width. Only what changed of a line is sent to the terminal."""

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
        pairs = enumerate(zip(before, self._lines, strict=True))
        changed = [_changed(old, new, y) for y, (old, new) in pairs if not old.is_same(new)]
        if changed:
            self.refresh(*changed)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, self._lines[y].truncate(width, ellipsis=True), width, 1, self.visual_style)[0]


def _changed(old: Content, new: Content, y: int) -> Region:
    """The part of line `y` from its first cell that differs to the end of the longer version.

    Two cells more at its left: a combining mark changes the character before it.
    """
    pairs = enumerate(zip(old.plain, new.plain, strict=False))
    same = next((index for index, (was, now) in pairs if was != now), min(len(old), len(new)))
    if not old[:same].is_same(new[:same]):
        same = 0
    start = max(new[:same].cell_length - 2, 0)
    return Region(start, y, max(old.cell_length, new.cell_length, start + 1) - start, 1)
