"""From points to dot columns: the extremes, the first and the last value that fall on each column of dots."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10, nan

from tuitune.tui.charts.canvas import Canvas
from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.series import Series


@dataclass(frozen=True, slots=True)
class ChartWindow:
    """The part of the x axis that is shown: `low` is the centre of the first dot column, `high` that of the last."""

    axis: str
    low: float
    high: float

    def column(self, x: float, wide: int) -> int:
        """The dot column of `x` on a canvas `wide` dots wide; outside of it for an `x` outside."""
        return ceil((x - self.low) / (self.high - self.low) * (wide - 1) - 0.5)

    def edges(self, wide: int) -> list[float]:
        """Where each dot column begins, and the end of the last: `wide` + 1 positions."""
        dot = (self.high - self.low) / (wide - 1)
        return [self.low + (column - 0.5) * dot for column in range(wide + 1)]


_FAR = 1e6
"""Dots, more than any canvas has."""

Span = tuple[int, float, float, float, float]
"""Dot column; smallest, largest, first and last value on it. A gap is NaN: in all four, or in first or last alone."""


def envelope(line: Series, window: ChartWindow, wide: int, *, positive: bool, known: Sequence[Span] = ()) -> list[Span]:
    """The columns of `line` that have points, in order, with a neighbour beyond either edge: lines enter and leave.

    `known` are columns found before, by the same window, for the line when it was shorter: all but the last of them
    are as they were.
    """
    edges = window.edges(wide)
    xs, count = line.positions.by(window.axis), line.count
    start, stop = bisect_right(xs, edges[0], 0, count), bisect_right(xs, edges[-1], 0, count)
    spans = [span for span in known if 0 <= span[0] < wide]
    if start > 0:
        spans.insert(0, _single(line, window, wide, start - 1, positive))
    if spans and spans[-1][0] >= 0:
        start = bisect_right(xs, edges[spans.pop()[0]], start, stop)
    spans += _inside(line, edges, xs, start, stop, positive)
    if stop < count:
        spans.append(_single(line, window, wide, stop, positive))
    return spans


class Envelopes:
    """The columns of the lines of one chart from frame to frame, so that a live frame works out only what is new."""

    LINES = 8

    def __init__(self) -> None:
        self._known: dict[int, tuple[Pyramid, tuple[object, ...], list[Span]]] = {}

    def of(self, line: Series, window: ChartWindow, wide: int, *, positive: bool) -> list[Span]:
        setting = (window, wide, positive)
        values, known_setting, spans = self._known.get(id(line.values), (None, None, []))
        known = spans if values is line.values and known_setting == setting else []
        spans = envelope(line, window, wide, positive=positive, known=known)
        if len(self._known) > self.LINES:
            self._known.clear()
        self._known[id(line.values)] = line.values, setting, spans
        return spans


def _single(line: Series, window: ChartWindow, wide: int, index: int, positive: bool) -> Span:
    value = line.values.values[index]
    if positive and not value > 0:
        value = nan
    return window.column(line.positions.by(window.axis)[index], wide), value, value, value, value


def _inside(line: Series, edges: list[float], xs: array[float], start: int, stop: int, positive: bool) -> list[Span]:
    values, bounds = line.values.values, line.values.bounds
    spans: list[Span] = []
    begin = start
    for column, edge in enumerate(edges[1:]):
        end = bisect_right(xs, edge, begin, stop)
        if begin < end:
            extremes = bounds(begin, end, positive=positive)
            first, last = values[begin], values[end - 1]
            if positive:
                first, last = (value if value > 0 else nan for value in (first, last))
            low, high = extremes or (nan, nan)
            spans.append((column, low, high, first, last))
            begin = end
    return spans


def logarithmic(spans: list[Span]) -> list[Span]:
    """Columns of positive values on a scale of powers of ten."""
    return [(column, log10(low), log10(high), log10(first), log10(last)) for column, low, high, first, last in spans]


def trace(canvas: Canvas, spans: list[Span], low: float, high: float) -> None:
    """Draw columns as a connected line on a canvas whose bottom dot is `low` and whose top dot is `high`."""
    deep = canvas.dots_high - 1
    scale = deep / (high - low)
    ink = canvas.span
    before: tuple[int, float, int] | None = None
    for column, least, most, first, last in spans:
        if least != least:
            before = None
            continue
        top, bottom = _dot((high - most) * scale), _dot((high - least) * scale)
        if before is not None and first == first:
            left, value, dot = before
            if column - left > 1:
                _join(canvas, left, value, column, first, high, scale)
            elif dot < top - 1:
                top = dot + 1
            elif dot > bottom + 1:
                bottom = dot - 1
        ink(column, top, bottom)
        before = (column, last, _dot((high - last) * scale)) if last == last else None


def _dot(distance: float) -> int:
    """The dot that lies so many below the top; one far outside for a value that no canvas reaches."""
    return int(min(_FAR, max(-_FAR, distance)) + 0.5)


def _join(canvas: Canvas, left: int, start: float, right: int, end: float, high: float, scale: float) -> None:
    """A straight line over the columns between two that have points."""
    slope = (end - start) / (right - left)
    for column in range(max(left, -1) + 1, min(right, canvas.dots_wide)):
        near = _dot((high - start - slope * (column - left - 0.5)) * scale)
        far = _dot((high - start - slope * (column - left + 0.5)) * scale)
        canvas.span(column, near, far)
