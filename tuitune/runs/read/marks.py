"""What happened to a run between its steps, as marks for its charts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tuitune.runs.store.records import Record, number, text, whole
from tuitune.runs.store.records.line import Line
from tuitune.runs.store.records.training import Alert, Done, Resumed, Tuned
from tuitune.text import clean

Mark = dict[str, Any]

_LONGEST = 200
_EVENTS = {"pause-requested": "pause", "stop-requested": "stop", "kill": "kill", "retry": "retry"}
_TEXTS = {"pause": "asked to pause", "stop": "asked to stop and save", "kill": "asked to end at once"}
_INTERRUPTIONS = frozenset(_EVENTS.values())


@dataclass(frozen=True)
class _Placed:
    """A mark; `seq` is the number of the metrics record it came with, or after which it came."""

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
        self._marks: list[_Placed] = []
        self._killed = False

    def by_step(self) -> list[Mark]:
        ordered = sorted(self._marks, key=lambda mark: mark.step)
        return [{"step": mark.step, "kind": mark.kind, "text": mark.text} for mark in ordered]

    def take(self, line: Line) -> None:
        """A record of metrics.jsonl."""
        if isinstance(line, Resumed):
            self._rewind(line)
        if words := _words(line):
            self._add(line.figure("step"), line.kind, words, line.seq or 0)

    def take_event(self, event: Record) -> None:
        """An event, with the `step` and number of the last metrics record (`after`) that the supervisor knew of."""
        name = event.get("event")
        if name == "supervisor":
            self._killed = False
        kind = _EVENTS.get(str(name))
        if kind is None or (kind == "kill" and self._killed):
            return
        self._killed = self._killed or kind == "kill"
        words = _TEXTS.get(kind) or text(event, "reason")
        self._add(number(event, "step"), kind, words, whole(event, "after") or 0)

    def _add(self, step: float | None, kind: str, words: str, seq: int) -> None:
        mark = _Placed(step or 0.0, kind, clean(words, limit=_LONGEST), seq)
        again = kind == "tuned" and any(replace(known, seq=seq) == mark for known in self._marks)
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
    """What a mark says; "" for a record that gets none. A change of settings and a pause have marks of their own."""
    match line:
        case Tuned():
            return ", ".join(f"{key} = {value}" for key, value in (line.changes or {}).items())
        case Done():
            return line.message if line.ok and line.verb not in ("tune", "pause") else ""
        case Resumed():
            why = "; ".join(filter(None, line.reasons))
            return "resumed exactly" if line.exact else f"resumed approximately{f': {why}' if why else ''}"
        case Alert():
            return line.message if line.level in ("warning", "error") else ""
    return ""
