"""The smaller metrics in one line each, with a spark: for where there is no room for their charts."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.tui.charts.canvas import BRAILLE, Canvas
from tuitune.tui.charts.envelope import ChartWindow, envelope, trace
from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.scale import padded
from tuitune.tui.charts.series import Positions, Series
from tuitune.tui.widgets.rows import Rows

SPARK = 24


class MetricStrip(Rows):
    """Titles, newest values and sparks side by side, and below them a line about the machine."""

    glyphs = BRAILLE
    DEFAULT_CSS = "MetricStrip { padding: 0 1; }"

    def show_metrics(self, metrics: Sequence[tuple[str, str, Sequence[float]]], machine: Content) -> None:
        """`metrics`: (title, newest value, values for the spark)."""
        width = self.size.width
        share = width // max(len(metrics), 1)
        cells = []
        for title, value, values in metrics:
            text = Content.assemble((f"{title} ", "$faint"), f"{value} ")
            line = spark(values, min(share - text.cell_length - 2, SPARK), self.glyphs)
            cells.append(Content.assemble(text, (line, "$chart-1"), " " * max(share - text.cell_length - len(line), 0)))
        self.show_lines([Content("").join(cells), machine])


def spark(values: Sequence[float], width: int, glyphs: str = BRAILLE) -> str:
    """`values` as a line in `width` characters, from their smallest at the bottom to their largest at the top."""
    positions, series = Positions(), Pyramid(values)
    for index in range(len(values)):
        positions.append(index)
    bounds = series.bounds()
    if bounds is None or width < 1:
        return ""
    canvas = Canvas(width, 1)
    low, high = padded(*bounds, floor_at_zero=False)
    window = ChartWindow("step", 0, max(len(values) - 1, 1))
    trace(canvas, envelope(Series(positions, series, 1), window, canvas.dots_wide, positive=False), low, high)
    return "".join(map(glyphs.__getitem__, canvas.masks()))
