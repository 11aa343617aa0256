"""What happened to a run between its steps, as marks for its charts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tuitune.runs.journal import Record, number
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

    def take(self, record: Record) -> None:
        """A record of metrics.jsonl."""
        kind = record.get("kind")
        if kind == "resumed":
            self._rewind(record)
        text = _METRICS[kind](record) if isinstance(kind, str) and kind in _METRICS else ""
        if text:
            self._add(record, str(kind), text, _seq(record, "seq"))

    def take_event(self, event: Record) -> None:
        """An event, with the `step` and number of the last metrics record (`after`) that the supervisor knew of."""
        name = event.get("event")
        if name == "supervisor":
            self._killed = False
        kind = _EVENTS.get(name) if isinstance(name, str) else None
        if kind is None or (kind == "kill" and self._killed):
            return
        self._killed = self._killed or kind == "kill"
        self._add(event, kind, _TEXTS.get(kind) or _text(event.get("reason")), _seq(event, "after"))

    def _add(self, record: Record, kind: str, text: str, seq: int) -> None:
        mark = _Placed(number(record, "step") or 0.0, kind, clean(text, limit=_LONGEST), seq)
        again = kind == "tuned" and any(replace(known, seq=seq) == mark for known in self._marks)
        if not again:
            self._marks.append(mark)

    def _rewind(self, record: Record) -> None:
        step, seq = number(record, "step"), _seq(record, "seq")
        if step is None:
            return
        kept = []
        for mark in self._marks:
            if mark.seq >= seq or mark.step <= step or mark.kind == "tuned":
                kept.append(mark)
            elif mark.kind in _INTERRUPTIONS:
                kept.append(replace(mark, step=step))
        self._marks = kept


def _tuned(record: Record) -> str:
    changes = record.get("changes")
    return ", ".join(f"{key} = {value}" for key, value in changes.items()) if isinstance(changes, dict) else ""


def _done(record: Record) -> str:
    """What was done on request; a change of settings and a pause have marks of their own."""
    marked = record.get("verb") in ("tune", "pause")
    return "" if marked or record.get("ok") is not True else _text(record.get("message"))


def _resumed(record: Record) -> str:
    reasons = record.get("reasons")
    why = "; ".join(filter(None, map(_text, reasons))) if isinstance(reasons, list) else ""
    return "resumed exactly" if record.get("exact") is True else f"resumed approximately{f': {why}' if why else ''}"


def _alert(record: Record) -> str:
    return _text(record.get("message")) if record.get("level") in ("warning", "error") else ""


_METRICS = {"tuned": _tuned, "done": _done, "resumed": _resumed, "alert": _alert}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seq(record: Record, key: str) -> int:
    seq = record.get(key)
    return seq if type(seq) is int else 0
