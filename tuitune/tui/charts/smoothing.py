"""Exponential moving average without the bias of its start, grown alongside the series it smooths."""

from __future__ import annotations

from tuitune.tui.charts.pyramid import Pyramid


class SmoothedSeries:
    """`source` smoothed with `weight` in [0, 1): the share of the past in each point.

    s_n = w·s_(n-1) + (1-w)·y_n, shown as s_n / (1-wⁿ), so that the first points are not drawn towards zero
    (Kingma & Ba 2015, section 3; the smoothing slider of TensorBoard). Gaps stay gaps and are passed over.
    """

    __slots__ = ("_average", "_remaining", "series", "source", "weight")

    def __init__(self, source: Pyramid, weight: float) -> None:
        self.source, self.weight = source, weight
        self.series = Pyramid()
        self._average, self._remaining = 0.0, 1.0

    def catch_up(self, limit: int = 50_000) -> bool:
        """Smooth what the source has gained, at most `limit` points; True once nothing is left to do."""
        done = len(self.series)
        weight, fresh, average, remaining = self.weight, 1 - self.weight, self._average, self._remaining
        smooth = []
        for value in self.source.values[done : done + limit]:
            if value == value:
                average = weight * average + fresh * value
                remaining *= weight
                smooth.append(average / (1 - remaining))
            else:
                smooth.append(value)
        self.series.extend(smooth)
        self._average, self._remaining = average, remaining
        return len(self.series) == len(self.source)
