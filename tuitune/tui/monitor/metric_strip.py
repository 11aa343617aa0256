"""The smaller metrics in one line each, with a spark: for where there is no room for their charts."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.tui.charts.canvas import BRAILLE
from tuitune.tui.charts.spark import spark
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
