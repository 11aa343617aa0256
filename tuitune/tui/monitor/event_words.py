"""What happened to a run, in plain words: its lives and its device, requests and answers, checkpoints, alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuitune.runs.store.records import Record, number, parts, table, text, texts, whole
from tuitune.runs.supervise.exit_report import EXIT_CODES
from tuitune.text import clean
from tuitune.tui.monitor.run_status import NEXT_RUNGS, retry_text
from tuitune.units import bytes_text, clock_text, duration_text, number_text
from tuitune.views.watched_run import WatchedRun

NEWEST = 20
"""How many records of a kind are looked at."""


def event_texts(view: WatchedRun) -> list[str]:
    """The newest events, oldest first, each with its time of day."""
    records = [record for kind in _sources(view) for record in kind[-NEWEST:]]
    lines = [(_time(record), words) for record in records if (words := _words(record))]
    return [
        clean(f"{clock_text(moment)}  {words}", limit=300) for moment, words in sorted(lines, key=lambda line: line[0])
    ]


def _sources(view: WatchedRun) -> list[list[Record]]:
    resumed = [view.resumed] if view.resumed is not None else []
    return [view.events, view.checkpoints, view.alerts, resumed, view.done, view.tuned]


def _words(record: Record) -> str:
    name = str(record.get("kind", record.get("event")))
    told = _TOLD.get(name)
    return told(record) if told else name


def _supervisor(record: Record) -> str:
    life = whole(record, "life") or 1
    if life < 2:
        return "supervisor started"
    return f"life {life} begins" + (", resumed" if record.get("resumes") else "")


def _waiting(record: Record) -> str:
    place, of = record.get("place"), record.get("of")
    queue = f" (place {place} of {of})" if place is not None and of is not None else ""
    return f"queued{queue}: {text(record, 'reason', 'reason not recorded')}"


def _acknowledged(record: Record) -> str:
    verb, message = text(record, "verb", "a request"), text(record, "message")
    if record.get("ok") is False:
        return f"{verb} refused: {message}"
    return f"{verb}: {message}" if message else f"{verb} accepted"


def _asked(what: str) -> Callable[[Record], str]:
    return lambda record: f"{what} requested" + (" by a signal" if record.get("by") == "signal" else "")


def _kill(record: Record) -> str:
    seconds, message = number(record, "seconds"), text(record, "message") or text(record, "rung", "being killed")
    following = NEXT_RUNGS.get(str(record.get("next")))
    return message if seconds is None or following is None else f"{message}; {following} in {seconds:.0f} s"


def _exited(record: Record) -> str:
    code, signal = record.get("code"), record.get("signal")
    if code is None:
        return f"engine killed by {signal}" if signal else "engine ended, cause unknown"
    return f"engine ended: {EXIT_CODES[code]}" if code in EXIT_CODES else f"engine ended, exit code {code}"


def _ended(record: Record) -> str:
    state, reason = text(record, "state", "ended"), text(record, "reason")
    return reason if reason.startswith(state) else f"{state}: {reason}" if reason else state


def _amended(record: Record) -> str:
    told, changes = [], table(record, "changes")
    for key in changes:
        before, after = (value_text(table(changes, key).get(end)) for end in ("from", "to"))
        told.append(f"{key} {before} → {after}")
    return f"recipe changed ({text(record, 'why', 'no reason given')}): {', '.join(told)}"


def _tuned(record: Record) -> str:
    step = whole(record, "step")
    told = [f"{key} {value_text(value)}" for key, value in table(record, "changes").items()]
    start = "" if step is None else f" from step {step + 1} on"
    return f"tuned{start}: {', '.join(told)}"


def _done(record: Record) -> str:
    """The answer to a request; what was tuned has words of its own."""
    verb, message = text(record, "verb", "a request"), text(record, "message")
    if record.get("ok") is True:
        return "" if verb == "tune" else f"{verb} done: {message}"
    return f"{verb} not done: {message}"


def _checkpoint(record: Record) -> str:
    size, seconds = number(record, "bytes"), number(record, "seconds")
    figures = ["size unknown" if size is None else bytes_text(size)]
    if seconds is not None:
        figures.append(f"in {duration_text(seconds)}")
    health = {"True": ", healthy", "False": ", NOT healthy: weights, loss or gradient are not finite"}
    known = health.get(str(record.get("healthy")), "")
    return f"checkpoint at step {record.get('step', '?')}, {' '.join(figures)}{known}"


def _resumed(record: Record) -> str:
    step = record.get("step")
    if not step:
        return "starts over: no checkpoint to resume from"
    why = "; ".join(texts(record, "reasons"))
    how = "exactly" if record.get("exact") else f"approximately: {why}"
    over = [f"{text(one, 'path').rpartition('/')[2]} ({text(one, 'reason')})" for one in parts(record, "skipped")]
    return f"resumed after step {step}, {how}" + (f"; skipped {', '.join(over)}" if over else "")


def _alert(record: Record) -> str:
    return f"step {record.get('step', '?')}: {text(record, 'message', 'alert without a message')}"


_TOLD: dict[str, Callable[[Record], str]] = {
    "queued": lambda _: "queued",
    "supervisor": _supervisor,
    "waiting": _waiting,
    "slot": lambda record: f"got {text(record, 'label') or text(record, 'device', 'a device')}",
    "engine": lambda _: "engine started",
    "acknowledged": _acknowledged,
    "amended": _amended,
    "stop-requested": _asked("stop"),
    "pause-requested": _asked("pause"),
    "kill": _kill,
    "silent": lambda record: f"nothing heard from the engine for {duration_text(number(record, 'seconds'))}",
    "heard": lambda _: "engine responds again",
    "retry": retry_text,
    "exited": _exited,
    "notify-failed": lambda record: f"the command of run.notify failed: {text(record, 'message')}",
    "ended": _ended,
    "tuned": _tuned,
    "done": _done,
    "checkpoint": _checkpoint,
    "resumed": _resumed,
    "alert": _alert,
}


def value_text(value: Any) -> str:
    """A recipe's value in a few words."""
    if isinstance(value, list):
        return f"{len(value):,} {'entry' if len(value) == 1 else 'entries'}" if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(value) if isinstance(value, float) else "none" if value in (None, "") else str(value)


def _time(record: Record) -> float:
    return number(record, "time") or 0.0
