"""What happens to a run, a line each, as commands that follow it print it: from its journals, older news first."""

from __future__ import annotations

import heapq

from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalReader, last_seq
from tuitune.runs.store.records import Record, event_line, metric_line, number, whole
from tuitune.runs.store.records.lifecycle import Amended, Heard, NotifyFailed, Retry, Silent
from tuitune.runs.store.records.training import Alert, Evaluation, Resumed, Step, Tuned
from tuitune.text import clean
from tuitune.views.event_texts import words

Past = tuple[int, int]
"""How far a run's journals had come: the numbers of the last event and of the last of its metrics."""


def past(run: Run) -> Past:
    return last_seq(run.events_file), last_seq(run.metrics_file)


class News:
    """The run's news since the last `poll`; the first gives all that was recorded `after` some moment of its past."""

    def __init__(self, run: Run, after: Past = (0, 0)) -> None:
        self._readers = tuple(
            zip((JournalReader(run.events_file), JournalReader(run.metrics_file)), after, strict=True)
        )

    def poll(self) -> list[str]:
        new = [[one for one in reader.poll() if (whole(one, "seq") or 0) > seen] for reader, seen in self._readers]
        return [clean(line) for record in heapq.merge(*new, key=_time) if (line := _line(record))]


def is_alert(line: str) -> bool:
    """Whether a line of news is something that a person should know soon."""
    return line.startswith(("warning: ", "error: "))


def _line(record: Record) -> str:
    if record.get("kind") == Step.kind:
        return ""
    line = event_line(record) if "event" in record else metric_line(record)
    if not isinstance(line, _NEWS):
        return ""
    level = (line.level or "warning") if isinstance(line, Alert) else _LEVELS.get(type(line))
    return f"{level}: {words(line)}" if level else words(line)


_LEVELS = {Silent: "warning", NotifyFailed: "warning"}
_NEWS = (Evaluation, Resumed, Alert, Tuned, Amended, Retry, Heard, *_LEVELS)


def _time(record: Record) -> float:
    return number(record, "time") or 0.0
