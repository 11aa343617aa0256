"""A chart that lives: its lines, its y range that holds still, and its frames from second to second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log10

from tuitune.tui.charts.axis import value_ticks
from tuitune.tui.charts.envelope import ChartWindow, Envelopes
from tuitune.tui.charts.frame import UNICODE_GLYPHS, Frame, FrameRow, Glyphs
from tuitune.tui.charts.marks import Mark
from tuitune.tui.charts.scale import StickyRange
from tuitune.tui.charts.series import Series


@dataclass
class Plot:
    """`frame()` draws the lines as they are now. `log` waits, on a linear scale, for something positive in view."""

    lines: Sequence[Series] = ()
    marks: Sequence[Mark] = ()
    log: bool = False
    glyphs: Glyphs = UNICODE_GLYPHS
    _envelopes: Envelopes = field(default_factory=Envelopes)
    _sticky: StickyRange = field(default_factory=StickyRange)
    _drawn_with: tuple[object, ...] = ()
    _gutter: int = 4

    @property
    def settling(self) -> bool:
        """Whether a later frame of the same lines looks different: its y range is still to shrink."""
        return self._sticky.waits

    def bounds(self, window: ChartWindow, *, positive: bool) -> tuple[float, float] | None:
        """Smallest and largest value in view; between two points, theirs."""
        found = []
        for line in self.lines:
            start, stop = line.visible(window.axis, window.low, window.high)
            if start == stop:
                start, stop = max(start - 1, 0), stop + 1
            if extremes := line.values.bounds(start, stop, positive=positive):
                found.append(extremes)
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    def frame(self, window: ChartWindow, width: int, height: int, now: float) -> list[FrameRow] | None:
        """`height` rows of `width` cells, or None where nothing can be drawn. `now`: seconds of a steady clock."""
        log, bounds = self.log, self.bounds(window, positive=self.log)
        if bounds is None and log:
            log, bounds = False, self.bounds(window, positive=False)
        if bounds is None or width < 12 or height < 2:
            return None
        if log:
            bounds = log10(bounds[0]), log10(bounds[1])
        span = window.high - window.low
        if self._drawn_with != (drawn_with := (log, window.axis, round(span, 9))):
            self._sticky.reset()
            self._drawn_with = drawn_with
        low, high = self._sticky.fit(*bounds, now, log=log)
        rows = max(1, height - 1)
        widest = max((len(label) for _, label in value_ticks(low, high, rows, log=log)), default=0)
        self._gutter = max(self._gutter, widest)
        gutter, envelopes = self._gutter, self._envelopes
        return Frame(
            self.lines, window, low, high, log, width, height, gutter, self.marks, self.glyphs, envelopes
        ).render()
