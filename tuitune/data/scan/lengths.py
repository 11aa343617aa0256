"""How long rows are, in characters: counted exactly, in memory that does not grow with the number of rows."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

EDGES = (0, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Lower ends of the histogram's bars; the last is open above."""

_EXACT = 10_000


class Lengths:
    """Counts of lengths. Below 10,000 characters each length is counted, above by its first three digits."""

    def __init__(self, lengths: Sequence[int] = (), rows: Sequence[int] = ()) -> None:
        """Of the lengths of `rows`."""
        self.counts = Counter(lengths)
        self.longest = max(lengths, default=0)
        self.longest_row = rows[lengths.index(self.longest)] if lengths else 0
        for length in [one for one in self.counts if one >= _EXACT]:
            unit = 10 ** (len(str(length)) - 3)
            count = self.counts.pop(length)
            self.counts[length - length % unit] += count

    def merge(self, later: Lengths) -> None:
        """Take in the counts of the rows that come next."""
        self.counts.update(later.counts)
        if later.longest > self.longest or (later.longest_row and not self.longest_row):
            self.longest, self.longest_row = later.longest, later.longest_row

    def median(self) -> int:
        """The lower median; 0 of nothing."""
        half, below = (self.counts.total() + 1) // 2, 0
        for length in sorted(self.counts):
            below += self.counts[length]
            if below >= half:
                return length
        return 0

    def share_below(self, length: int) -> float:
        """The share of rows shorter than `length`."""
        shorter = sum(count for one, count in self.counts.items() if one < length)
        return shorter / max(self.counts.total(), 1)

    def as_json(self) -> dict[str, Any]:
        bars = [0] * len(EDGES)
        for length, count in self.counts.items():
            bars[bisect_right(EDGES, length) - 1] += count
        return {
            "edges": list(EDGES),
            "counts": bars,
            "median": self.median(),
            "longest": self.longest,
            "longest_row": self.longest_row or None,
        }
