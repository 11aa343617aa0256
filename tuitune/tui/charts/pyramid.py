"""A growing series of numbers that knows its smallest and largest from a to b, exactly, at once for any a and b."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import inf, isfinite, nan

_BLOCK = 16
LIMIT = 1e300
"""Numbers of this size and above count as not finite: their differences would overflow."""


Level = tuple["array[float]", "array[float]", "array[float]"]
"""Of every block its smallest number, its largest, and its smallest above zero; infinite where there is none."""


class Pyramid:
    """Numbers in the order they came, with the extremes of every block of 16, 256, 4096, … of them kept beside.

    Whatever is not finite is a gap: kept as NaN, counted in `gaps`, never an extreme. Appending takes constant time.
    """

    __slots__ = ("_levels", "gaps", "values")

    def __init__(self, values: Iterable[float | None] = ()) -> None:
        self.values = array("d")
        self.gaps = 0
        self._levels: list[Level] = []
        self.extend(values)

    def __len__(self) -> int:
        return len(self.values)

    def extend(self, values: Iterable[float | None]) -> None:
        """Append many at once; quick for an array or list of nothing but finite numbers."""
        batch = values if isinstance(values, array | list) else list(values)
        if not batch or not _all_finite(batch):
            for value in batch:
                self.append(value)
            return
        closed = len(self.values) // _BLOCK
        self.values.extend(batch)  # type: ignore[arg-type]
        for block in range(closed, len(self.values) // _BLOCK):
            self._close_blocks(block)

    def append(self, value: float | None) -> None:
        if value is None or not -LIMIT < value < LIMIT:
            value = nan
            self.gaps += 1
        self.values.append(value)
        if not len(self.values) % _BLOCK:
            self._close_blocks(len(self.values) // _BLOCK - 1)

    def _close_blocks(self, number: int) -> None:
        """Keep the extremes of block `number`, and of every larger block that ends with it."""
        block = self.values[number * _BLOCK : (number + 1) * _BLOCK]
        finite = [value for value in block if value == value] if self.gaps else block
        low, high = (min(finite), max(finite)) if finite else (inf, -inf)
        positive = low if low > 0 else min((value for value in finite if value > 0), default=inf)
        closed, depth = number + 1, 0
        while True:
            if depth == len(self._levels):
                self._levels.append((array("d"), array("d"), array("d")))
            lows, highs, positives = self._levels[depth]
            lows.append(low)
            highs.append(high)
            positives.append(positive)
            if closed % _BLOCK:
                return
            low, high, positive = min(lows[-_BLOCK:]), max(highs[-_BLOCK:]), min(positives[-_BLOCK:])
            closed //= _BLOCK
            depth += 1

    def bounds(self, start: int = 0, stop: int | None = None, *, positive: bool = False) -> tuple[float, float] | None:
        """Smallest and largest finite number of `values[start:stop]`, or None; with `positive`, of those above zero."""
        stop = len(self.values) if stop is None else min(stop, len(self.values))
        depth = -1
        while depth + 1 < len(self._levels) and (stop - start) >> 4 * (depth + 2) >= 2:
            depth += 1
        low, high = self._widen(start, stop, depth, inf, -inf, positive)
        return None if low > high or (positive and high <= 0) else (low, high)

    def _widen(self, start: int, stop: int, depth: int, low: float, high: float, positive: bool) -> tuple[float, float]:
        """`low` and `high` widened by `values[start:stop]`: by the blocks of level `depth` that lie in it, then at
        either end by what is left of a block, looked into only if that block reaches beyond what is known already.
        """
        if depth < 0:
            return self._scan(start, stop, low, high, positive)
        size = _BLOCK ** (depth + 1)
        head, tail = -(-start // size), stop // size
        if head >= tail:
            return self._widen(start, stop, depth - 1, low, high, positive)
        lows, highs, positives = self._levels[depth]
        lows = positives if positive else lows
        low, high = _wider(low, high, lows[head:tail], highs[head:tail])
        if start < head * size and (lows[head - 1] < low or highs[head - 1] > high):
            low, high = self._widen(start, head * size, depth - 1, low, high, positive)
        if tail * size < stop and (tail >= len(lows) or lows[tail] < low or highs[tail] > high):
            low, high = self._widen(tail * size, stop, depth - 1, low, high, positive)
        return low, high

    def _scan(self, start: int, stop: int, low: float, high: float, positive: bool) -> tuple[float, float]:
        piece: Sequence[float] = self.values[start:stop]
        if positive:
            piece = [value for value in piece if value > 0]
        elif self.gaps:
            piece = [value for value in piece if value == value]
        return _wider(low, high, piece, piece) if piece else (low, high)


def _all_finite(values: Sequence[float | None]) -> bool:
    """Whether nothing in `values` is a gap. A sum is not finite where one of its numbers is not."""
    try:
        return isfinite(sum(values)) and min(values) > -LIMIT and max(values) < LIMIT  # type: ignore[arg-type,type-var,operator]
    except TypeError:
        return False


def _wider(low: float, high: float, lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    least, most = min(lows), max(highs)
    return (least if least < low else low), (most if most > high else high)
