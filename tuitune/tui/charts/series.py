"""What a chart draws: x columns shared by the metrics of a run, lines over them, and lines smoothed."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from tuitune.tui.charts.pyramid import LIMIT, Pyramid


class Positions:
    """Where along a run its records stand: by step, by tokens, by time in seconds; none ever decreases."""

    __slots__ = ("_columns",)

    def __init__(self) -> None:
        self._columns = {"step": array("d"), "tokens": array("d"), "time": array("d")}

    def __len__(self) -> int:
        return len(self._columns["step"])

    def append(self, step: float, tokens: float = 0.0, time: float = 0.0) -> None:
        """Add a record. A position below the one before it counts as equal to it: an x axis runs one way."""
        for column, value in zip(self._columns.values(), (step, tokens, time), strict=True):
            last = column[-1] if column else -LIMIT
            column.append(value if last < value < LIMIT else last if column else 0.0)

    def extend(self, steps: Sequence[float], tokens: Sequence[float], times: Sequence[float]) -> None:
        """Add many records at once, their positions in three sequences of equal length; quick where each ascends."""
        batches = [list(column) for column in (steps, tokens, times)]
        if all(self._ascends(*pair) for pair in zip(self._columns.values(), batches, strict=True)):
            for column, batch in zip(self._columns.values(), batches, strict=True):
                column.extend(batch)
        else:
            for record in zip(*batches, strict=True):
                self.append(*record)

    @staticmethod
    def _ascends(column: array[float], batch: list[float]) -> bool:
        """Whether `batch` goes on from `column` without a step back, and ends below the limit."""
        if not batch:
            return True
        last = column[-1] if column else -LIMIT
        return isfinite(sum(batch)) and last < batch[0] and batch[-1] < LIMIT and batch == sorted(batch)

    def by(self, axis: str) -> array[float]:
        return self._columns[axis]


@dataclass(frozen=True)
class Series:
    """One curve. `ink` is its colour number; `letter` and `name` stand in the legend and at its end; `points` are drawn
    as markers, the one at index `best` with a marker of its own; a `ghost` is drawn faint.
    """

    positions: Positions
    values: Pyramid
    ink: int
    name: str = ""
    letter: str = ""
    points: bool = False
    best: int | None = None
    ghost: bool = False

    @property
    def count(self) -> int:
        """How many points there are: a smoothed line may lag behind the line it smooths."""
        return min(len(self.values), len(self.positions))

    def visible(self, axis: str, low: float, high: float) -> tuple[int, int]:
        """Indices [start, stop) of the points from `low` to `high`."""
        xs, count = self.positions.by(axis), self.count
        return bisect_left(xs, low, 0, count), bisect_right(xs, high, 0, count)


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
