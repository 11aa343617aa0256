"""The state of a run, derived each time from its events and from who is alive: never "running" for a dead run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from tuitune.hardware.host import out_of_room
from tuitune.runs.store import files, identity, journal, lease
from tuitune.runs.store.directory import Run, age_seconds, read_record
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records import event_line, lifecycle, newest, whole
from tuitune.runs.store.records.training import End
from tuitune.text import clean, redact, strip_ansi
from tuitune.units import duration_text

State = Literal["queued", "starting", "training", "paused", "stopping", "finished", "stopped", "failed", "crashed"]
STATES: tuple[State, ...] = get_args(State)
ENDED: frozenset[State] = frozenset({"finished", "stopped", "failed", "crashed"})
AT_REST: frozenset[State] = ENDED | {"paused"}
"""No process is at work; `resume` starts the run's next life."""

PROGRESS = ("step", "plan")
"""Records that show that an engine has begun to train."""

LastLife = Sequence[lifecycle.Event]
"""The newest event of each telling kind in a run's last life, in order."""

_LAUNCH_SECONDS = 30.0
_LOG_TAIL = 16_384
_REASON_LIMIT = 400

_NATIVE_FAILURE = re.compile(
    r"^(Fatal Python error: [^\n]+)\n(?:[^\n]*\n)*?Current thread [^\n]*\n +(File [^\n]+)"
    r"(?:\n(?:  [^\n]*|Thread 0x[^\n]*|Extension modules: [^\n]*|(?=\n(?:Thread 0x|Extension modules: ))))*",
    re.MULTILINE,
)
"""What faulthandler prints: the error, the stacks of all threads, the one that failed among them, and every extension
module that is loaded.
"""


def derive(run: Run) -> tuple[State, str]:
    """The run's state now, and why it is so ("" where there is nothing to add). Reads the ends of its files alone."""
    at_work, life = _look(run)
    return judge(run, life, at_work=at_work, progress=0 if newest(life, lifecycle.Ended) else _progress(run, life))


def _look(run: Run) -> tuple[bool, LastLife]:
    """Whether a supervisor is at work, and the run's last life.

    Who is at work is looked at before the events are, and again while there are new ones: a run that starts or ends
    between the two looks would seem to have lost its supervisor.
    """
    known = -1
    while True:
        at_work = supervised(run)
        life = read_life(run)
        last = journal.last_seq(run.events_file)
        if at_work or last == known or newest(life, lifecycle.Ended):
            return at_work, life
        known = last


def read_life(run: Run) -> LastLife:
    """Read from the end of the run's events; of a life that has ended, the end alone and what came after."""
    found: dict[type[lifecycle.Event], lifecycle.Event] = {}
    for event in map(event_line, journal.backwards(run.events_file, *(kind.kind for kind in lifecycle.TELLING))):
        found.setdefault(type(event), event)
        if isinstance(event, lifecycle.Supervisor | lifecycle.Ended):
            break
    return list(reversed(found.values()))


def catch_up(
    run: Run, reader: journal.JournalReader, events: list[lifecycle.Event], max_records: int | None
) -> bool | None:
    """Add to `events` what has come since, at most `max_records`; whether a supervisor is at work on the run.

    None where there is more to read, so that the events do not tell the state yet. As in `derive`, who is at work is
    looked at first, and again while there are new events.
    """
    while True:
        at_work = supervised(run)
        fresh = reader.poll(max_records)
        events += map(event_line, fresh)
        if not reader.at_end:
            return None
        if at_work or not fresh:
            return at_work


def judge(run: Run, life: LastLife, *, at_work: bool, progress: int) -> tuple[State, str]:
    """As `derive`; `progress` is the number of the newest metrics record that shows progress, 0 where none does."""
    if ended := newest(life, lifecycle.Ended):
        return _ended(ended)
    if at_work:
        return _supervised(run, life, progress)
    started = newest(life, lifecycle.EngineStarted)
    if not started and not newest(life, lifecycle.Supervisor):
        return _unstarted(run)
    engine = Identity.from_record(started and started.identity)
    if engine and identity.alive(engine):
        return "stopping", "its supervisor is gone; the engine saves and ends"
    return "crashed", _obituary(run, life)


def supervised(run: Run) -> bool:
    """Whether a supervisor is at work on the run: alive here, or holding the lease from wherever it is."""
    owner = Identity.from_record(read_record(run.owner_file))
    return (owner is not None and identity.alive(owner)) or lease.held(run)


def last_words(run: Run) -> str:
    """The last line of the run's log that says anything, safe to show; "" where there is none. Of what Python prints
    when native code fails, that is the error and the line of Python it came from.
    """
    words = files.tail(run.log_file, _LOG_TAIL).decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    words = _NATIVE_FAILURE.sub(r"\1, \2", words)
    lines = (strip_ansi(line.rsplit("\r", 1)[-1]).strip() for line in reversed(words.split("\n")))
    return clean(redact(next(filter(None, lines), "")), limit=_REASON_LIMIT)


def _before_engine(life: LastLife) -> int:
    """The number of the last metrics record that was there when the life's engine started; 0 where nobody noted it."""
    return (newest(life, lifecycle.EngineStarted) or lifecycle.EngineStarted()).after or 0


def _progress(run: Run, life: LastLife) -> int:
    """The number of the newest record of progress, where it is of this life's engine."""
    after = _before_engine(life)
    for record in journal.backwards(run.metrics_file):
        seq = whole(record, "seq") or 0
        if seq <= after or record.get("kind") in PROGRESS:
            return seq
    return 0


def _ended(event: lifecycle.Ended) -> tuple[State, str]:
    state = next((state for state in AT_REST if state == event.state), None)
    return (state, _shown(event.reason)) if state else ("crashed", "its last event names no state")


def _supervised(run: Run, life: LastLife, progress: int) -> tuple[State, str]:
    if kill := newest(life, lifecycle.Kill):
        return "stopping", ("stuck: " if kill.rung == "stuck" else "") + _shown(kill.message)
    if newest(life, lifecycle.StopRequested):
        return "stopping", ""
    match newest(life, lifecycle.Slot, lifecycle.EngineStarted, lifecycle.Exited, lifecycle.Retry):
        case None:
            return "queued", _shown((newest(life, lifecycle.Waiting) or lifecycle.Waiting()).reason)
        case lifecycle.Exited():
            return "stopping", ""
        case lifecycle.Retry(reason=reason):
            return "starting", _shown(reason)
        case lifecycle.EngineStarted() if progress > _before_engine(life):
            return "training", _silence(run, life)
    return "starting", _silence(run, life)


def _silence(run: Run, life: LastLife) -> str:
    """How long nothing has been heard from an engine that fell silent, or why nothing can be."""
    silent = newest(life, lifecycle.Silent, lifecycle.Heard, lifecycle.EngineStarted)
    if not isinstance(silent, lifecycle.Silent):
        return ""
    if out_of_room(run.path):
        return "the disk is full: records and result wait for room"
    return f"nothing heard from the engine for {'a while' if silent.seconds is None else duration_text(silent.seconds)}"


def _unstarted(run: Run) -> tuple[State, str]:
    age = age_seconds(run)
    if age is not None and abs(age) < _LAUNCH_SECONDS and files.is_regular(run.recipe_file):
        return "queued", ""
    return "crashed", "it was never started" if files.is_regular(run.recipe_file) else "its recipe is missing"


def _obituary(run: Run, life: LastLife) -> str:
    known = [_loss(Identity.from_record((newest(life, lifecycle.Supervisor) or lifecycle.Supervisor()).identity))]
    end = journal.last(run.metrics_file, End)
    if end and (end.seq or 0) > _before_engine(life):
        step = "?" if end.step is None else end.step
        known.append(f"the engine reported: {end.outcome or 'its end'} at step {step}")
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


def _shown(reason: str) -> str:
    return clean(redact(reason), limit=_REASON_LIMIT)
