"""Rows that repeat an earlier one, counted by the fingerprints of all rows: remembered, or kept in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.data.scan.tally import UNREADABLE

AT_ONCE = 500_000
"""Fingerprints compared at once, of 8 bytes each: more of them are taken in parts, by what they are."""

NAMED = 100
"""Duplicates that are named with the row they repeat."""

_SLICE = 1 << 20


@dataclass(frozen=True)
class Duplicates:
    """How many rows equal an earlier one, and the first of them, each with the first row that it equals."""

    count: int
    rows: list[tuple[int, int]]


def repeats(fingerprints: Iterable[int]) -> Duplicates:
    """The duplicates among rows that are few enough to remember the fingerprint of each."""
    first: dict[int, int] = {}
    rows = [
        (row, earlier)
        for row, one in enumerate(fingerprints, 1)
        if one != UNREADABLE and (earlier := first.setdefault(one, row)) != row
    ]
    return Duplicates(len(rows), rows[:NAMED])


def repeated(fingerprints: Path, *, at_once: int = AT_ONCE) -> Duplicates:
    """The duplicates among rows whose fingerprints, 64-bit numbers, follow each other in a file."""
    import numpy as np

    parts = -(-fingerprints.stat().st_size // (8 * at_once))
    count, pairs = 0, np.empty((0, 2), dtype=np.int64)
    for part in range(parts):
        keys, rows = _part(fingerprints, part, parts)
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        repeats = np.append(False, keys[1:] == keys[:-1])[: len(keys)]
        firsts = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(keys))))
        count += int(repeats.sum())
        pairs = np.concatenate([pairs, np.column_stack([rows[repeats], rows[firsts[repeats]]])])
        pairs = pairs[np.argsort(pairs[:, 0])[:NAMED]]
    return Duplicates(count, [(int(later), int(first)) for later, first in pairs])


def _part(fingerprints: Path, part: int, parts: int) -> tuple[Any, Any]:
    """The fingerprints that belong to a part, and their rows, in order; one slice of the file at a time."""
    import numpy as np

    keys, rows = [], []
    everything = np.memmap(fingerprints, dtype=np.int64, mode="r")
    for start in range(0, len(everything), _SLICE):
        piece = everything[start : start + _SLICE]
        chosen = np.flatnonzero((piece % parts == part) & (piece != UNREADABLE))
        keys.append(piece[chosen])
        rows.append(chosen + start + 1)
    return np.concatenate(keys), np.concatenate(rows)
