"""A chart one line high: the course of a metric beside its newest value."""

from __future__ import annotations

from collections.abc import Sequence

from tuitune.tui.charts.canvas import BRAILLE, Canvas
from tuitune.tui.charts.envelope import ChartWindow, envelope, trace
from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.scale import padded
from tuitune.tui.charts.series import Positions, Series


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
    return canvas.lines(glyphs)[0]
