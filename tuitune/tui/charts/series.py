"""What a chart draws: x columns shared by the metrics of a run, and lines over them."""

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
