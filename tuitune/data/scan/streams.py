"""Rows that can only be read one after another, counted a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tuitune.data.scan.tally import Reading, Tally
from tuitune.data.sources.rows import Row

ROWS = 5_000
"""Rows in a part."""


def count_rows(rows: Iterable[Row], reading: Reading) -> Iterator[tuple[Tally, int]]:
    """A tally of each part of the rows, and the number of its rows."""
    tally = Tally(reading)
    for count, row in enumerate(rows, 1):
        tally.add(row)
        if count % ROWS == 0:
            yield _closed(tally), ROWS
            tally = Tally(reading)
    if _closed(tally).rows:
        yield tally, tally.rows


def _closed(tally: Tally) -> Tally:
    tally.close()
    tally.place(0, 0)
    return tally
