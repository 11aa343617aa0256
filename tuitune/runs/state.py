"""The state of a run, derived each time from its events and from who is alive: never "running" for a dead run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, get_args

from tuitune.runs import files, identity, journal, lease
from tuitune.runs.directory import Run, created_at, read_record
from tuitune.runs.identity import Identity
from tuitune.text import clean, redact, strip_ansi

State = Literal["queued", "starting", "training", "paused", "stopping", "finished", "stopped", "failed", "crashed"]
STATES: tuple[State, ...] = get_args(State)
ENDED: frozenset[State] = frozenset({"finished", "stopped", "failed", "crashed"})

_LAUNCH_SECONDS = 30.0
_LOG_TAIL = 16_384
_REASON_LIMIT = 400


def derive(run: Run) -> tuple[State, str]:
    """The run's state now, and why it is so ("" where there is nothing to add)."""
    events: list[journal.Record] = []
    at_work = catch_up(run, journal.Reader(run.events_file), events)
    training = any(journal.last(run.metrics_file, kind) for kind in ("step", "plan"))
    return judge(run, events, at_work=at_work, training=training)


def catch_up(run: Run, reader: journal.Reader, events: list[journal.Record]) -> bool:
    """Add to `events` what has come since; whether a supervisor is at work on the run.

    Who is at work is looked at before the events are, and again while there are new ones: a run that starts or ends
    between the two looks would seem to have lost its supervisor.
    """
    while True:
        at_work = supervised(run)
        fresh = reader.poll()
        events += fresh
        if at_work or not fresh:
            return at_work


def judge(run: Run, events: Sequence[journal.Record], *, at_work: bool, training: bool) -> tuple[State, str]:
    """As `derive`, from what `catch_up` found; `training` says whether the engine has announced its plan."""
    named = {str(event.get("event")): event for event in events}
    if "ended" in named:
        return _ended(named["ended"])
    if at_work:
        return _supervised(named, training), ""
    if not named:
        return _unstarted(run)
    engine = Identity.from_record(named.get("engine", {}).get("identity"))
    if engine and identity.alive(engine):
        return "stopping", "its supervisor is gone; the engine saves and ends"
    return "crashed", _obituary(run, named)


def supervised(run: Run) -> bool:
    """Whether a supervisor is at work on the run: alive here, or holding the lease from wherever it is."""
    owner = Identity.from_record(read_record(run.owner_file))
    return (owner is not None and identity.alive(owner)) or lease.held(run)


def last_words(run: Run) -> str:
    """The last line of the run's log that says anything, safe to show; "" where there is none."""
    text = files.tail(run.log_file, _LOG_TAIL).decode("utf-8", "backslashreplace")
    lines = (strip_ansi(line.rsplit("\r", 1)[-1]).strip() for line in reversed(text.replace("\r\n", "\n").split("\n")))
    return clean(redact(next(filter(None, lines), "")), limit=_REASON_LIMIT)


def _ended(event: journal.Record) -> tuple[State, str]:
    state, reason = event.get("state"), event.get("reason")
    if state not in ENDED:
        return "crashed", "its last event names no state"
    return state, clean(reason, limit=_REASON_LIMIT) if isinstance(reason, str) else ""


def _supervised(named: dict[str, journal.Record], training: bool) -> State:
    if "stop-requested" in named or "exited" in named:
        return "stopping"
    if "engine" in named:
        return "training" if training else "starting"
    return "starting" if "supervisor" in named else "queued"


def _unstarted(run: Run) -> tuple[State, str]:
    born = created_at(run)
    if born is not None and abs(time.time() - born) < _LAUNCH_SECONDS and files.is_regular(run.recipe_file):
        return "queued", ""
    return "crashed", "it was never started" if files.is_regular(run.recipe_file) else "its recipe is missing"


def _obituary(run: Run, named: dict[str, journal.Record]) -> str:
    known = [_loss(Identity.from_record(named.get("supervisor", {}).get("identity")))]
    end = journal.last(run.metrics_file, "end")
    if end:
        known.append(f"the engine reported: {end.get('outcome')} at step {end.get('step')}")
    words = last_words(run)
    if words:
        known.append(f"last output: {words}")
    return clean("; ".join(known), limit=_REASON_LIMIT)


def _loss(supervisor: Identity | None) -> str:
    if supervisor is None or supervisor.boot_id == identity.boot_id():
        return "its supervisor was killed"
    if supervisor.host != identity.host():
        return f"it ran on {supervisor.host} and cannot be seen from here"
    return "the machine was restarted while it ran"
