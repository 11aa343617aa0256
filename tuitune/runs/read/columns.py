"""The training records of a run as columns: a million steps in eighty bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from tuitune.runs.store.records import Record, column


def _column() -> array[float]:
    return array("d")


@dataclass
class Steps:
    """The training records as columns of equal length; NaN where a figure was missing, odd or not finite.

    `tokens` counts trained-on input tokens since the start; `time` is seconds since the epoch; `memory` is bytes.
    """

    step: array[float] = field(default_factory=_column)
    epoch: array[float] = field(default_factory=_column)
    tokens: array[float] = field(default_factory=_column)
    time: array[float] = field(default_factory=_column)
    loss: array[float] = field(default_factory=_column)
    learning_rate: array[float] = field(default_factory=_column)
    grad_norm: array[float] = field(default_factory=_column)
    tokens_per_second: array[float] = field(default_factory=_column)
    step_seconds: array[float] = field(default_factory=_column)
    memory: array[float] = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.step)

    def extend(self, records: Sequence[Record]) -> None:
        for figure in fields(self):
            key = "memory_bytes" if figure.name == "memory" else figure.name
            getattr(self, figure.name).fromlist(column(records, key))

    def cut(self, step: float) -> bool:
        """Drop the records after `step`, which are the last ones; whether there were any."""
        kept = len(self)
        while kept and not self.step[kept - 1] <= step:
            kept -= 1
        dropped = len(self) - kept
        if dropped:
            for figure in fields(self):
                del getattr(self, figure.name)[kept:]
        return dropped > 0
