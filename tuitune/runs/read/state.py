"""The state of a run, derived each time from its events and from who is alive: never "running" for a dead run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from tuitune.hardware.host import out_of_room
from tuitune.runs.store import files, identity, journal, lease
from tuitune.runs.store.directory import Run, age_seconds, read_record
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records import Record, number, text, whole
from tuitune.text import clean, redact, strip_ansi
from tuitune.units import duration_text

State = Literal["queued", "starting", "training", "paused", "stopping", "finished", "stopped", "failed", "crashed"]
STATES: tuple[State, ...] = get_args(State)
ENDED: frozenset[State] = frozenset({"finished", "stopped", "failed", "crashed"})
AT_REST: frozenset[State] = ENDED | {"paused"}
"""No process is at work; `resume` starts the run's next life."""

PROGRESS = ("step", "plan")
"""Records that show that an engine has begun to train."""

_LAUNCH_SECONDS = 30.0
_LOG_TAIL = 16_384
_REASON_LIMIT = 400
_TELLING = frozenset(
    {
        *("supervisor", "waiting", "slot", "engine", "stop-requested", "pause-requested", "kill"),
        *("silent", "heard", "retry", "exited", "ended"),
    }
)
"""The events that a state follows from; of each kind the newest counts."""


def derive(run: Run) -> tuple[State, str]:
    """The run's state now, and why it is so ("" where there is nothing to add). Reads the ends of its files alone."""
    at_work, life = _look(run)
    return judge(run, life, at_work=at_work, progress=0 if over(life) else _progress(run, life))


def _look(run: Run) -> tuple[bool, list[Record]]:
    """Whether a supervisor is at work, and the newest event of each kind in the run's last life, in order.

    Who is at work is looked at before the events are, and again while there are new ones: a run that starts or ends
    between the two looks would seem to have lost its supervisor.
    """
    known = -1
    while True:
        at_work = supervised(run)
        life = read_life(run)
        newest = journal.last_seq(run.events_file)
        if at_work or newest == known or over(life):
            return at_work, life
        known = newest


def read_life(run: Run) -> list[Record]:
    """The newest event of each telling kind in the run's last life, in order; read from the end of the file."""
    return last_life(journal.backwards(run.events_file, *_TELLING))


def last_life(backwards: Iterable[Record]) -> list[Record]:
    """Of events given the newest first, the newest of each telling kind in the last life, in order; of a life that has
    ended, the end alone and what came after.
    """
    newest: dict[str, Record] = {}
    for event in backwards:
        kind = event.get("event")
        if kind in _TELLING:
            newest.setdefault(kind, event)
        if kind in ("supervisor", "ended"):
            break
    return list(reversed(newest.values()))


def note(life: dict[str, Record], event: Record) -> None:
    """Add the next event to the newest of each telling kind in the run's last life, in order."""
    kind = event.get("event")
    if kind not in _TELLING:
        return
    if kind == "supervisor":
        life.clear()
    life.pop(kind, None)
    life[kind] = event


def catch_up(
    run: Run, reader: journal.JournalReader, events: list[Record], max_records: int | None = None
) -> bool | None:
    """Add to `events` what has come since, at most `max_records`; whether a supervisor is at work on the run.

    None where there is more to read, so that the events do not tell the state yet. As in `derive`, who is at work is
    looked at first, and again while there are new events.
    """
    while True:
        at_work = supervised(run)
        fresh = reader.poll(max_records)
        events += fresh
        if not reader.at_end:
            return None
        if at_work or not fresh:
            return at_work


def judge(run: Run, events: Sequence[Record], *, at_work: bool, progress: int) -> tuple[State, str]:
    """As `derive`, from the events of the last life or of all lives, whether a supervisor is at work, and the number of
    the newest metrics record that shows progress (0 where there is none).
    """
    life = {str(event["event"]): event for event in last_life(reversed(events))}
    if "ended" in life:
        return _ended(life["ended"])
    if at_work:
        return _supervised(run, life, progress)
    if "supervisor" not in life and "engine" not in life:
        return _unstarted(run)
    engine = Identity.from_record(life.get("engine", {}).get("identity"))
    if engine and identity.alive(engine):
        return "stopping", "its supervisor is gone; the engine saves and ends"
    return "crashed", _obituary(run, life)


def supervised(run: Run) -> bool:
    """Whether a supervisor is at work on the run: alive here, or holding the lease from wherever it is."""
    owner = Identity.from_record(read_record(run.owner_file))
    return (owner is not None and identity.alive(owner)) or lease.held(run)


def last_words(run: Run) -> str:
    """The last line of the run's log that says anything, safe to show; "" where there is none."""
    words = files.tail(run.log_file, _LOG_TAIL).decode("utf-8", "backslashreplace")
    lines = (strip_ansi(line.rsplit("\r", 1)[-1]).strip() for line in reversed(words.replace("\r\n", "\n").split("\n")))
    return clean(redact(next(filter(None, lines), "")), limit=_REASON_LIMIT)


def before_engine(life: Iterable[Record]) -> int:
    """The number of the last metrics record that was there when the life's engine started; 0 where nobody noted it."""
    engine = next((event for event in life if event.get("event") == "engine"), {})
    return whole(engine, "after") or 0


def over(life: Iterable[Record]) -> bool:
    """Whether the supervisor of a life has written its end."""
    return any(event.get("event") == "ended" for event in life)


def _progress(run: Run, life: Iterable[Record]) -> int:
    """The number of the newest record of progress, where it is of this life's engine."""
    after = before_engine(life)
    for record in journal.backwards(run.metrics_file):
        seq = whole(record, "seq") or 0
        if seq <= after or record.get("kind") in PROGRESS:
            return seq
    return 0


def _ended(event: Record) -> tuple[State, str]:
    state = next((state for state in AT_REST if state == event.get("state")), None)
    return (state, _shown(event, "reason")) if state else ("crashed", "its last event names no state")


def _supervised(run: Run, life: dict[str, Record], progress: int) -> tuple[State, str]:
    if "kill" in life:
        stuck = life["kill"].get("rung") == "stuck"
        return "stopping", ("stuck: " if stuck else "") + _shown(life["kill"], "message")
    if "stop-requested" in life or "pause-requested" in life:
        return "stopping", ""
    if "engine" not in life and "slot" not in life:
        return "queued", _shown(life.get("waiting", {}), "reason")
    newest = next(name for name in reversed(life) if name in ("slot", "engine", "exited", "retry"))
    if newest == "exited":
        return "stopping", ""
    if newest == "retry":
        return "starting", _shown(life["retry"], "reason")
    started = newest == "engine" and progress > before_engine(life.values())
    return "training" if started else "starting", _silence(run, life)


def _silence(run: Run, life: dict[str, Record]) -> str:
    """How long nothing has been heard from an engine that fell silent, or why nothing can be."""
    newest = next((name for name in reversed(life) if name in ("silent", "heard", "engine")), "")
    if newest != "silent":
        return ""
    if out_of_room(run.path):
        return "the disk is full: records and result wait for room"
    seconds = number(life["silent"], "seconds")
    return f"nothing heard from the engine for {'a while' if seconds is None else duration_text(seconds)}"


def _unstarted(run: Run) -> tuple[State, str]:
    age = age_seconds(run)
    if age is not None and abs(age) < _LAUNCH_SECONDS and files.is_regular(run.recipe_file):
        return "queued", ""
    return "crashed", "it was never started" if files.is_regular(run.recipe_file) else "its recipe is missing"


def _obituary(run: Run, life: dict[str, Record]) -> str:
    known = [_loss(Identity.from_record(life.get("supervisor", {}).get("identity")))]
    end = journal.last(run.metrics_file, "end")
    if end and (whole(end, "seq") or 0) > before_engine(life.values()):
        known.append(f"the engine reported: {text(end, 'outcome', 'its end')} at step {end.get('step', '?')}")
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


def _shown(record: Record, key: str) -> str:
    return clean(redact(text(record, key)), limit=_REASON_LIMIT)
