"""What a supervisor hears from its engine: how far it is, how long its steps and saves take, what it warns of."""

from __future__ import annotations

from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalReader
from tuitune.runs.store.records import Record, number, whole

_AT_ONCE = 20_000


class EngineProgress:
    """Follows a run's metrics. `step` is the last step heard of, `seq` the number of the last record; `longest_step` is
    the longest time between two step records and `longest_save` that of a checkpoint, in seconds, of all lives.
    """

    def __init__(self, run: Run) -> None:
        self._reader = JournalReader(run.metrics_file)
        self.step = 0
        self.seq = 0
        self.longest_step = 0.0
        self.longest_save = 0.0

    def listen(self) -> list[Record]:
        """The records that came since; a bounded number at a time."""
        records = self._reader.poll(_AT_ONCE)
        for record in records:
            self._take(record)
        return records

    def catch_up(self) -> None:
        """Listen until nothing is left."""
        while self.listen():
            pass

    def _take(self, record: Record) -> None:
        seq, step = whole(record, "seq"), whole(record, "step")
        self.seq = self.seq if seq is None else seq
        match record.get("kind"):
            case "step" if step is not None:
                seconds, done = number(record, "step_seconds") or 0.0, max(step - self.step, 1)
                self.longest_step = max(self.longest_step, seconds * done)
                self.step = step
            case "resumed" if step is not None:
                self.step = step
            case "checkpoint":
                self.longest_save = max(self.longest_save, number(record, "seconds") or 0.0)
