"""What happened to a run between its steps, as marks for its charts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tuitune.runs.store.records.lifecycle import Event, Kill, PauseRequested, Retry, StopRequested, Supervisor
from tuitune.runs.store.records.line import Line
from tuitune.runs.store.records.training import Alert, Done, Resumed, Tuned
from tuitune.text import clean

_LONGEST = 200
_ASKED: dict[type[Event], tuple[str, str]] = {
    PauseRequested: ("pause", "asked to pause"),
    StopRequested: ("stop", "asked to stop and save"),
    Kill: ("kill", "asked to end at once"),
}
_INTERRUPTIONS = frozenset({"pause", "stop", "kill", "retry"})
_DONE = frozenset({"checkpoint", "evaluate", "sample"})
"""The requests that get a mark once they are done; a change of settings and a pause have marks of their own."""


@dataclass(frozen=True)
class RunMark:
    """What happened at a step; `seq` is the number of the metrics record it came with, or after which it came."""

    step: float
    kind: str
    text: str
    seq: int


class Marks:
    """Marks gathered from the metrics and the events of a run, which are two files read one after the other.

    Where the run goes on from a step, later marks of the life before vanish with that life's steps. But what broke it
    off is shown where it goes on, and what was tuned stays, for it is tuned again at the same steps.
    """

    def __init__(self) -> None:
        self._marks: list[RunMark] = []
        self._killed = False

    def by_step(self) -> list[RunMark]:
        return sorted(self._marks, key=lambda mark: mark.step)

    def take(self, line: Line) -> None:
        """A record of metrics.jsonl."""
        if isinstance(line, Resumed):
            self._rewind(line)
        if words := _words(line):
            self._add(line, line.verb if isinstance(line, Done) else line.kind, words, line.seq)

    def take_event(self, event: Event) -> None:
        """An event, with the `step` and number of the last metrics record (`after`) that the supervisor knew of."""
        if isinstance(event, Supervisor):
            self._killed = False
        elif isinstance(event, Retry):
            self._add(event, "retry", event.reason, event.after)
        elif isinstance(event, StopRequested) or (isinstance(event, Kill) and not self._killed):
            self._killed = self._killed or isinstance(event, Kill)
            self._add(event, *_ASKED[type(event)], event.after)

    def _add(self, line: Line, kind: str, words: str, seq: int | None) -> None:
        mark = RunMark(line.figure("step") or 0.0, kind, clean(words, limit=_LONGEST), seq or 0)
        again = kind == "tuned" and any(replace(known, seq=mark.seq) == mark for known in self._marks)
        if not again:
            self._marks.append(mark)

    def _rewind(self, line: Resumed) -> None:
        step, seq = line.step, line.seq or 0
        if step is None:
            return
        kept = []
        for mark in self._marks:
            if mark.seq >= seq or mark.step <= step or mark.kind == "tuned":
                kept.append(mark)
            elif mark.kind in _INTERRUPTIONS:
                kept.append(replace(mark, step=step))
        self._marks = kept


def _words(line: Line) -> str:
    """What a mark says; "" for a record that gets none."""
    match line:
        case Tuned():
            return ", ".join(f"{key} = {value}" for key, value in (line.changes or {}).items())
        case Done():
            return line.message if line.ok and line.verb in _DONE else ""
        case Resumed():
            why = "; ".join(filter(None, line.reasons))
            return "resumed exactly" if line.exact else f"resumed approximately{f': {why}' if why else ''}"
        case Alert():
            return line.message if line.level in ("warning", "error") else ""
    return ""
