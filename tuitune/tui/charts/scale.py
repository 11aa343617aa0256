"""Ranges and round numbers: what an axis spans, where its ticks stand, and when it may move."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2 or 5 × 10ⁿ that divides `span` into at most `count` parts."""
    rough = max(span, 1e-300) / max(count, 1)
    power = 10.0 ** floor(log10(rough))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= rough * (1 - 1e-9)), power * 10)


def time_step(span: float, count: int) -> float:
    """As `nice_step`, for seconds: minutes, quarters of an hour, hours, days."""
    rough = span / max(count, 1)
    return next((float(step) for step in _TIME_STEPS if step >= rough), ceil(rough / 86_400) * 86_400.0)


def multiples(low: float, high: float, step: float) -> list[float]:
    """The multiples of `step` from `low` to `high`, at most a thousand."""
    if not (isfinite(low) and isfinite(high) and step > 0) or (high - low) / step > 1000:
        return []
    first = ceil(low / step - 1e-9)
    return [number * step + 0.0 for number in range(first, floor(high / step + 1e-9) + 1)]


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers between `low` and `high`."""
    return multiples(low, high, nice_step(high - low, count))


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values for an axis from 10^`low` to 10^`high`: decades, with 2 and 5 between where there is room."""
    if high - low < 1:
        return [value for value in ticks(10**low, 10**high, count) if value > 0]
    stride = max(1, ceil((high - low) / max(count, 1)))
    between = (1, 2, 5) if (high - low) * 3 <= count else (1,)
    powers = range(floor(low), ceil(high) + 1, stride)
    marks = [factor * 10.0**power for power in powers if -300 < power < 300 for factor in between]
    return [mark for mark in marks if low - 1e-9 <= log10(mark) <= high + 1e-9]


def padded(low: float, high: float, *, floor_at_zero: bool) -> tuple[float, float]:
    """`low` to `high` with a tenth added at either end; a flat series gets room; never below zero if nothing is."""
    span = high - low
    if span <= max(abs(low) * 1e-9, abs(high) * 1e-9, 1e-290):
        span = abs(high) if abs(high) > 1e-290 else 1.0
    bottom, top = low - span * 0.1, high + span * 0.1
    return (max(bottom, 0.0) if floor_at_zero and low >= 0 else bottom), top


class StickyRange:
    """An axis range that holds still: it grows at once, shrinks only by over a fifth and at most every 10 seconds."""

    PATIENCE = 10.0
    SLACK = 0.2

    def __init__(self) -> None:
        self._range: tuple[float, float] | None = None
        self._moved_at = float("-inf")

    def reset(self) -> None:
        """Forget: the next fit is exact (after a zoom, another scale, another axis)."""
        self._range = None

    def fit(self, low: float, high: float, now: float, *, floor_at_zero: bool = True) -> tuple[float, float]:
        """The range to draw for data from `low` to `high` at `now` (seconds of any steady clock)."""
        wanted = padded(low, high, floor_at_zero=floor_at_zero)
        current = self._range
        if current is None:
            chosen = wanted
        elif low < current[0] or high > current[1]:
            chosen = (wanted[0] if low < current[0] else current[0], wanted[1] if high > current[1] else current[1])
        elif (
            wanted[1] - wanted[0] < (current[1] - current[0]) * (1 - self.SLACK)
            and now - self._moved_at >= self.PATIENCE
        ):
            chosen = wanted
        else:
            chosen = current
        if chosen != current:
            self._range, self._moved_at = chosen, now
        return chosen
