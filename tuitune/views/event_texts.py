"""What happened to a run, in plain words: its lives and its device, requests and answers, checkpoints, alerts.

The screen lists all of it; commands that follow a run print what is news to somebody who looks on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tuitune.objectives import METRICS
from tuitune.recipe.values import to_text
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records import lifecycle
from tuitune.runs.store.records.line import Line
from tuitune.runs.store.records.training import Alert, Done, Evaluation, Resumed, Saved, Tuned
from tuitune.runs.supervise.exit_report import EXIT_CODES
from tuitune.text import clean
from tuitune.units import bytes_text, clock_text, duration_text, number_text

NEWEST = 20
"""How many records of a kind are looked at."""

_RUNGS = {
    "ask": "SIGTERM sent, to save and end",
    "terminate-group": "SIGTERM sent to all its processes",
    "kill-group": "SIGKILL sent to all its processes",
    "stuck": "SIGKILL does not end its processes",
}
_NEXT_RUNGS = {"terminate-group": "SIGTERM to all", "kill-group": "SIGKILL", "stuck": "stuck"}


def event_texts(view: RunView) -> list[str]:
    """The newest events, oldest first, each with its time of day."""
    kinds: tuple[Sequence[Line], ...] = (view.events, view.checkpoints, view.alerts, view.done, view.tuned)
    newest = [line for lines in kinds for line in lines[-NEWEST:]] + [line for line in [view.resumed] if line]
    told = [(line.time or 0.0, words) for line in newest if (words := _dated(line))]
    return [clean(f"{clock_text(moment)}  {words}", limit=300) for moment, words in sorted(told, key=itemgetter(0))]


def _dated(line: Line) -> str:
    """An alert with its step, which the other records tell themselves."""
    return f"step {step_text(line.step)}: {words(line)}" if isinstance(line, Alert) else words(line)


def words(line: Line) -> str:
    """What a record tells; "" where another one tells it; its name where this version does not know its kind."""
    tell = _TOLD.get(type(line))
    return tell(line) if tell else line.name


def _supervisor(line: lifecycle.Supervisor) -> str:
    life = line.life or 1
    return "supervisor started" if life < 2 else f"life {life} begins" + (", resumed" if line.resumes else "")


def _waiting(line: lifecycle.Waiting) -> str:
    queue = f" (place {line.place} of {line.of})" if line.place is not None and line.of is not None else ""
    return f"queued{queue}: {line.reason or 'reason not recorded'}"


def _acknowledged(line: lifecycle.Acknowledged) -> str:
    verb = line.verb or "a request"
    if line.ok is False:
        return f"{verb} refused: {line.message}"
    return f"{verb}: {line.message}" if line.message else f"{verb} accepted"


def _asked(line: lifecycle.StopRequested) -> str:
    what = line.kind.removesuffix("-requested")
    return f"{what} requested" + (" by a signal" if line.by == "signal" else "")


def _kill(line: lifecycle.Kill) -> str:
    return "; ".join(filter(None, (line.message or line.rung or "being killed", next_text(line, line.seconds))))


def _exited(line: lifecycle.Exited) -> str:
    if line.code is None:
        return f"engine killed by {line.signal}" if line.signal else "engine ended, cause unknown"
    known = EXIT_CODES.get(line.code)
    return f"engine ended: {known}" if known else f"engine ended, exit code {line.code}"


def _ended(line: lifecycle.Ended) -> str:
    state, reason = line.state or "ended", line.reason
    return reason if reason.startswith(state) else f"{state}: {reason}" if reason else state


def _amended(line: lifecycle.Amended) -> str:
    told = [f"{key} {value_text(old)} → {value_text(new)}" for key, (old, new) in line.changed.items()]
    return f"recipe changed ({line.why or 'no reason recorded'}): {', '.join(told)}"


def _tuned(line: Tuned) -> str:
    told = ", ".join(f"{key} = {value_text(value)}" for key, value in (line.changes or {}).items())
    return f"tuned from step {'?' if line.step is None else f'{line.step + 1:,}'} on: {told}"


def _done(line: Done) -> str:
    """The answer to a request; what was tuned has words of its own."""
    verb = line.verb or "a request"
    if line.ok:
        return "" if verb == "tune" else f"{verb} done: {line.message}"
    return f"{verb} not done: {line.message}"


def _saved(line: Saved) -> str:
    size = "size unknown" if line.bytes is None else bytes_text(line.bytes)
    took = "" if line.seconds is None else f" in {duration_text(line.seconds)}"
    health = {True: ", healthy", False: ", NOT healthy: weights, loss or gradient not finite", None: ""}
    return f"checkpoint at step {step_text(line.step)}, {size}{took}{health[line.healthy]}"


def resumed_text(line: Resumed) -> str:
    """From where a life of the run went on, and whether exactly: `from step 40, exactly`."""
    if line.checkpoint is None and not line.step:
        start = "from the beginning: there is no checkpoint"
    elif line.exact:
        start = f"from step {step_text(line.step)}, exactly"
    else:
        reasons = "; ".join(line.reasons) or "reason not recorded"
        start = f"from step {step_text(line.step)}, approximately: {reasons}"
    passed = [f"{name}: {reason}" for name, reason in line.passed_over]
    return start + (f" (skipped {'; '.join(passed)})" if passed else "")


def measured_texts(line: Evaluation) -> list[tuple[str, str]]:
    """What an evaluation measured beside the loss, by name."""
    figures = [(metric.title, metric.shown(line.figure(key))) for key, metric in METRICS.items() if key in line.extra]
    of_tokens = line.perplexity is not None or line.loss is None
    return figures or ([("perplexity", number_text(line.perplexity))] if of_tokens else [])


def _evaluation(line: Evaluation) -> str:
    figures = "  ".join(f"{name} {text}" for name, text in [("loss", number_text(line.loss)), *measured_texts(line)])
    return f"step {step_text(line.step):>6}  held-out {figures}"


def _message(line: Alert | lifecycle.NotifyFailed) -> str:
    return line.message or "message not recorded"


_TOLD: dict[type[Line], Callable[[Any], str]] = {
    lifecycle.Supervisor: _supervisor,
    lifecycle.Waiting: _waiting,
    lifecycle.Slot: lambda line: f"got {line.label or line.device or 'a device'}",
    lifecycle.EngineStarted: lambda _: "engine started",
    lifecycle.Acknowledged: _acknowledged,
    lifecycle.Amended: _amended,
    lifecycle.StopRequested: _asked,
    lifecycle.PauseRequested: _asked,
    lifecycle.Kill: _kill,
    lifecycle.Silent: lambda line: f"nothing heard from the engine for {duration_text(line.seconds)}",
    lifecycle.Heard: lambda _: "the engine responds again",
    lifecycle.Retry: lambda line: f"retried: {line.reason or 'out of memory'}",
    lifecycle.Exited: _exited,
    lifecycle.NotifyFailed: lambda line: f"the command of run.notify failed: {_message(line)}",
    lifecycle.Ended: _ended,
    Tuned: _tuned,
    Done: _done,
    Saved: _saved,
    Resumed: lambda line: f"resumed {resumed_text(line)}",
    Evaluation: _evaluation,
    Alert: _message,
}


def step_text(step: int | None) -> str:
    """The step that a record is about; `?` where it does not say."""
    return "?" if step is None else f"{step:,}"


def value_text(value: Any) -> str:
    """A recipe's value as a person writes it; `none` for no value."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return to_text(value)
    return "none" if value in (None, "") else str(value)


def sent_text(kill: lifecycle.Kill) -> str:
    return _RUNGS.get(kill.rung) or clean(kill.message or "being killed", limit=80)


def seconds_left(kill: lifecycle.Kill, now: float) -> float | None:
    """Seconds until the next rung, at the time `now`; None after the last. A clock that was put back adds none."""
    if kill.seconds is None or kill.next is None:
        return None
    return min(max(kill.seconds - (now - (kill.time or now)), 0.0), kill.seconds)


def next_text(kill: lifecycle.Kill, left: float | None) -> str:
    """`SIGKILL in 5 s`, where `left` seconds are left; "" after the last rung."""
    if left is None or kill.next is None:
        return ""
    return f"{_NEXT_RUNGS.get(kill.next) or clean(kill.next, limit=40)} in {math.ceil(left)} s"
