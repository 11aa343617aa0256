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
    for row in rows:
        tally.add(row)
        if len(tally.fingerprints) == ROWS:
            yield _closed(tally), ROWS
            tally = Tally(reading)
    if tally.fingerprints:
        yield _closed(tally), len(tally.fingerprints)


def _closed(tally: Tally) -> Tally:
    tally.close()
    tally.place(0, 0)
    return tally
