"""The training records of a run as columns: a million steps in eighty bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from tuitune.objectives import METRICS
from tuitune.runs.store.records import Record, column

_PLACES = ("step", "epoch", "tokens", "time", "step_seconds")
"""Where a record stands, beside its metrics: trained tokens since the start, seconds since the epoch."""


class StepColumns:
    """The training records as columns of equal length; NaN where a figure was missing, odd or not finite.

    `steps[key]` is a column: of a metric, or step, epoch, tokens, time, step_seconds.
    """

    def __init__(self) -> None:
        self._columns = {key: array("d") for key in (*_PLACES, *METRICS)}

    def __len__(self) -> int:
        return len(self._columns["step"])

    def __getitem__(self, key: str) -> array[float]:
        return self._columns[key]

    def extend(self, records: Sequence[Record]) -> None:
        for key, figures in self._columns.items():
            figures.fromlist(column(records, key))

    def cut(self, step: float) -> bool:
        """Drop the records after `step`, which are the last ones; whether there were any."""
        kept, steps = len(self), self["step"]
        while kept and not steps[kept - 1] <= step:
            kept -= 1
        dropped = len(self) - kept
        if dropped:
            for figures in self._columns.values():
                del figures[kept:]
        return dropped > 0
