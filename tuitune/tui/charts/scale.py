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


def finer_steps(span: float, count: int, finest: float) -> list[float]:
    """`nice_step` and finer ones, each dividing `span` into about twice as many parts; none below `finest`."""
    return [max(nice_step(span, count << times), finest) for times in range(5)]


FLAT = 1e-3
"""A series whose ends differ by less than this share of their size is flat: its labels would hardly differ."""


def flat(low: float, high: float, *, log: bool) -> bool:
    """Whether nothing is to be seen between `low` and `high` (powers of ten with `log`)."""
    return high - low <= max(_size(low, high, log=log) * FLAT, 1e-290)


def padded(low: float, high: float, *, floor_at_zero: bool, log: bool = False) -> tuple[float, float]:
    """`low` to `high` with a tenth added at either end, of its own size where it is flat (of half a decade with `log`).

    Never below zero if nothing is.
    """
    size = _size(low, high, log=log)
    span = high - low if not flat(low, high, log=log) else size if size > 1e-290 else 1.0
    bottom, top = low - span * 0.1, high + span * 0.1
    return (max(bottom, 0.0) if floor_at_zero and low >= 0 else bottom), top


def _size(low: float, high: float, *, log: bool) -> float:
    return 0.5 if log else max(abs(low), abs(high))


class StickyRange:
    """An axis range that holds still: it grows at once, shrinks only by over a fifth and at most every 10 seconds.

    The range of a flat series is a guess: it shrinks as soon as the series shows a scale.
    """

    PATIENCE = 10.0
    SLACK = 0.2

    def __init__(self) -> None:
        self._range: tuple[float, float] | None = None
        self._moved_at = float("-inf")
        self._guessed = False
        self._wanted: tuple[float, float] | None = None

    @property
    def waits(self) -> bool:
        """Whether the range is wider than it need be, and shrinks at a later fit."""
        return self._range is not None and self._wanted is not None and self._smaller(self._wanted, self._range)

    def reset(self) -> None:
        """Forget: the next fit is exact (after a zoom, another scale, another axis)."""
        self._range = None

    def fit(self, low: float, high: float, now: float, *, log: bool = False) -> tuple[float, float]:
        """The range to draw for data from `low` to `high` at `now` (seconds of any steady clock)."""
        wanted = self._wanted = padded(low, high, floor_at_zero=not log, log=log)
        chosen = self._chosen(low, high, wanted, now)
        if chosen != self._range:
            self._range, self._moved_at = chosen, now
        self._guessed = flat(low, high, log=log)
        return chosen

    def _chosen(self, low: float, high: float, wanted: tuple[float, float], now: float) -> tuple[float, float]:
        current = self._range
        if current is None:
            return wanted
        if low < current[0] or high > current[1]:
            return (wanted[0] if low < current[0] else current[0], wanted[1] if high > current[1] else current[1])
        due = self._guessed or now - self._moved_at >= self.PATIENCE
        return wanted if due and self._smaller(wanted, current) else current

    def _smaller(self, wanted: tuple[float, float], current: tuple[float, float]) -> bool:
        return wanted[1] - wanted[0] < (current[1] - current[0]) * (1 - self.SLACK)
