"""A growing series of numbers that answers "smallest and largest from a to b" exactly, in time that hardly depends on b - a."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import inf, isfinite, nan

_BLOCK = 16


class _Level:
    """Extremes of blocks: `lows`, `highs`, and the smallest number above zero (for log scales). Infinite where there is none."""

    __slots__ = ("highs", "lows", "positives")

    def __init__(self) -> None:
        self.lows, self.highs, self.positives = array("d"), array("d"), array("d")

    def push(self, low: float, high: float, positive: float) -> None:
        self.lows.append(low)
        self.highs.append(high)
        self.positives.append(positive)


class Pyramid:
    """Numbers in the order they came, with the extremes of every block of 16, 256, 4096, … of them kept beside.

    Whatever is not finite is a gap: kept as NaN, counted in `gaps`, never an extreme. Appending takes constant time.
    """

    __slots__ = ("_levels", "gaps", "values")

    def __init__(self, values: Iterable[float | None] = ()) -> None:
        self.values = array("d")
        self.gaps = 0
        self._levels: list[_Level] = []
        self.extend(values)

    def __len__(self) -> int:
        return len(self.values)

    def extend(self, values: Iterable[float | None]) -> None:
        for value in values:
            self.append(value)

    def append(self, value: float | None) -> None:
        if value is None or not isfinite(value):
            value = nan
            self.gaps += 1
        self.values.append(value)
        if not len(self.values) % _BLOCK:
            self._close_blocks()

    def _close_blocks(self) -> None:
        block = self.values[-_BLOCK:]
        finite = [value for value in block if value == value] if self.gaps else block
        low, high = (min(finite), max(finite)) if finite else (inf, -inf)
        positive = low if low > 0 else min((value for value in finite if value > 0), default=inf)
        closed = len(self.values) // _BLOCK
        depth = 0
        while True:
            if depth == len(self._levels):
                self._levels.append(_Level())
            level = self._levels[depth]
            level.push(low, high, positive)
            if closed % _BLOCK:
                return
            low, high, positive = min(level.lows[-_BLOCK:]), max(level.highs[-_BLOCK:]), min(level.positives[-_BLOCK:])
            closed //= _BLOCK
            depth += 1

    def bounds(self, start: int = 0, stop: int | None = None, *, positive: bool = False) -> tuple[float, float] | None:
        """Smallest and largest finite number of `values[start:stop]`; with `positive`, of those above zero. None if there is none."""
        stop = len(self.values) if stop is None else min(stop, len(self.values))
        low, high = inf, -inf
        if start < stop:
            head = stop if stop - start < 2 * _BLOCK else -(-start // _BLOCK) * _BLOCK
            tail = max(stop // _BLOCK * _BLOCK, head)
            for piece in (self.values[start:head], self.values[tail:stop]):
                if positive:
                    piece = [value for value in piece if value > 0]
                elif self.gaps:
                    piece = [value for value in piece if value == value]
                if piece:
                    low, high = min(low, min(piece)), max(high, max(piece))
            if head < tail:
                low, high = self._blocks(head // _BLOCK, tail // _BLOCK, low, high, positive)
        if low > high or (positive and high <= 0):
            return None
        return low, high

    def _blocks(self, start: int, stop: int, low: float, high: float, positive: bool) -> tuple[float, float]:
        """`low` and `high` widened by the closed blocks `start` to `stop` of the lowest level, climbing where that is shorter."""
        for level in self._levels:
            lows, highs = level.positives if positive else level.lows, level.highs
            if stop - start < 2 * _BLOCK:
                return min(low, min(lows[start:stop])), max(high, max(highs[start:stop]))
            head, tail = -(-start // _BLOCK) * _BLOCK, stop // _BLOCK * _BLOCK
            if start < head:
                low, high = min(low, min(lows[start:head])), max(high, max(highs[start:head]))
            if tail < stop:
                low, high = min(low, min(lows[tail:stop])), max(high, max(highs[tail:stop]))
            start, stop = head // _BLOCK, tail // _BLOCK
            if start == stop:
                break
        return low, high
