"""What happened to a run, in plain words: its lives and its device, requests and answers, checkpoints, alerts.

The screen lists all of it; commands that follow a run print what is news to somebody who looks on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tuitune.recipe.values import to_text
from tuitune.runs.store.records import Record, number, parts, table, text, texts, whole
from tuitune.runs.supervise.exit_report import EXIT_CODES
from tuitune.text import clean
from tuitune.units import bytes_text, clock_text, duration_text, number_text
from tuitune.views.kill_escalation import next_text
from tuitune.views.watched_run import WatchedRun

NEWEST = 20
"""How many records of a kind are looked at."""


def event_texts(view: WatchedRun) -> list[str]:
    """The newest events, oldest first, each with its time of day."""
    records = [record for kind in _sources(view) for record in kind[-NEWEST:]]
    lines = [(_time(record), words) for record in records if (words := _dated(record))]
    return [
        clean(f"{clock_text(moment)}  {words}", limit=300) for moment, words in sorted(lines, key=lambda line: line[0])
    ]


def _sources(view: WatchedRun) -> list[list[Record]]:
    resumed = [view.resumed] if view.resumed is not None else []
    return [view.events, view.checkpoints, view.alerts, resumed, view.done, view.tuned]


def _dated(record: Record) -> str:
    """An alert with its step, which the other records tell themselves."""
    return f"step {step_text(record)}: {words(record)}" if record.get("kind") == "alert" else words(record)


def words(record: Record) -> str:
    """What a record tells; "" where another one tells it."""
    name = kind_of(record)
    told = _TOLD.get(name)
    return told(record) if told else name


def kind_of(record: Record) -> str:
    """The kind of a record of the engine, the event of one of the supervisor."""
    return str(record.get("kind", record.get("event")))


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
    message = text(record, "message") or text(record, "rung", "being killed")
    return "; ".join(filter(None, (message, next_text(record, number(record, "seconds")))))


def _exited(record: Record) -> str:
    code, signal = record.get("code"), record.get("signal")
    if code is None:
        return f"engine killed by {signal}" if signal else "engine ended, cause unknown"
    return f"engine ended: {EXIT_CODES[code]}" if code in EXIT_CODES else f"engine ended, exit code {code}"


def _ended(record: Record) -> str:
    state, reason = text(record, "state", "ended"), text(record, "reason")
    return reason if reason.startswith(state) else f"{state}: {reason}" if reason else state


def _amended(record: Record) -> str:
    changes = table(record, "changes")
    told = [
        f"{key} {' → '.join(value_text(table(changes, key).get(end)) for end in ('from', 'to'))}" for key in changes
    ]
    return f"recipe changed ({text(record, 'why', 'no reason recorded')}): {', '.join(told)}"


def _tuned(record: Record) -> str:
    step = whole(record, "step")
    told = ", ".join(f"{key} = {value_text(value)}" for key, value in table(record, "changes").items())
    return f"tuned from step {'?' if step is None else f'{step + 1:,}'} on: {told}"


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


def resumed_text(record: Record) -> str:
    """From where a life of the run went on, and whether exactly: `from step 40, exactly`."""
    if "checkpoint" in record and record["checkpoint"] is None:
        start = "from the beginning: there is no checkpoint"
    elif record.get("exact"):
        start = f"from step {step_text(record)}, exactly"
    else:
        reasons = "; ".join(texts(record, "reasons")) or "for a reason that was not recorded"
        start = f"from step {step_text(record)}, approximately: {reasons}"
    passed = [f"{text(one, 'path').rpartition('/')[2]}: {text(one, 'reason')}" for one in parts(record, "skipped")]
    return start + (f" (skipped {'; '.join(passed)})" if passed else "")


def _evaluation(record: Record) -> str:
    loss, perplexity = (number_text(number(record, key)) for key in ("loss", "perplexity"))
    return f"step {step_text(record):>6}  held-out loss {loss}  perplexity {perplexity}"


def _message(record: Record) -> str:
    return text(record, "message", "what it was is not recorded")


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
    "heard": lambda _: "the engine responds again",
    "retry": lambda record: f"retried: {text(record, 'reason', 'out of memory')}",
    "exited": _exited,
    "notify-failed": lambda record: f"the command of run.notify failed: {_message(record)}",
    "ended": _ended,
    "tuned": _tuned,
    "done": _done,
    "checkpoint": _checkpoint,
    "resumed": lambda record: f"resumed {resumed_text(record)}",
    "eval": _evaluation,
    "alert": _message,
}


def step_text(record: Record) -> str:
    """The step that a record is about; `?` where it does not say."""
    step = whole(record, "step")
    return "?" if step is None else f"{step:,}"


def value_text(value: Any) -> str:
    """A recipe's value as a person writes it; `none` for no value."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return to_text(value)
    return "none" if value in (None, "") else str(value)


def _time(record: Record) -> float:
    return number(record, "time") or 0.0
