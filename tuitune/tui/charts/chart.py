"""The chart as a widget: it draws a `Plot` and sends to the terminal only the cells that changed."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tuitune.tui.charts.envelope import ChartWindow
from tuitune.tui.charts.frame import ALARM, AXIS, EVENT, GHOST, MARK, SERIES, FrameRow
from tuitune.tui.charts.plot import Plot

_CLASSES = {AXIS: "chart--axis", MARK: "chart--mark", EVENT: "chart--event", ALARM: "chart--alarm"}
_CLASSES |= {SERIES + ink: f"chart--line-{ink}" for ink in (1, 2)}
_CLASSES |= {GHOST + ink: f"chart--ghost-{ink}" for ink in (1, 2)}
"""Colour number → component class; a line's ink is 1 or 2."""


class Chart(Widget, can_focus=True):
    """Shows `plot` over `window`. `draw()` renders what the plot is now; where that is nothing, `empty` says why.

    `drawn`: whether a frame of the plot is shown, and not `empty`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_CLASSES.values())
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        .chart--axis { color: $faint; }
        .chart--mark { color: $accent; }
        .chart--event { color: $foreground 70%; }
        .chart--alarm { color: $bad; }
        .chart--line-1 { color: $chart-1; }
        .chart--line-2 { color: $chart-2; }
        .chart--ghost-1 { color: $chart-1 38%; }
        .chart--ghost-2 { color: $chart-2 38%; }
    }
    """

    def __init__(self, plot: Plot, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.plot = plot
        self.window: ChartWindow | None = None
        self.empty = ""
        self._rows: list[FrameRow] = []
        self.drawn = False

    def draw(self) -> None:
        """Render a frame; only what differs from the one on the screen is refreshed. Costs nothing while hidden."""
        width, height = self.size
        if not width or not height or not self.is_on_screen:
            return
        rows = self.plot.frame(self.window, width, height, monotonic()) if self.window else None
        self.drawn = rows is not None
        rows = rows or self._words(width, height)
        before, self._rows = self._rows, rows
        if len(before) != len(rows) or len(before[0].text) != width:
            self.refresh()
            return
        changes = [(y, row.changed(old)) for y, (row, old) in enumerate(zip(rows, before, strict=True))]
        regions = [Region(span[0], y, span[1] - span[0], 1) for y, span in changes if span]
        if regions:
            self.refresh(*regions)

    def _words(self, width: int, height: int) -> list[FrameRow]:
        """An empty chart: `empty` in its middle."""
        lines = [" " * width] * height
        lines[(height - 1) // 2] = self.empty[:width].center(width)
        return [FrameRow(line, bytes([AXIS]) * width) for line in lines]

    def on_resize(self) -> None:
        self.draw()

    def on_show(self) -> None:
        self.draw()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self._style(ink)) for text, ink in self._rows[y].runs()]
        return Strip(segments, self.size.width)

    def _style(self, ink: int) -> Style:
        return self.get_component_rich_style(_CLASSES[ink]) if ink in _CLASSES else self.rich_style
