"""The records of events.jsonl, which a run's supervisor alone writes. docs/run-directory.md says when."""

from __future__ import annotations

from typing import Any, ClassVar

from tuitune.runs.store.records.checks import Count, Flag, Named, Seconds, Table, Text
from tuitune.runs.store.records.line import Line


class Event(Line):
    KEY: ClassVar[str] = "event"


class Supervisor(Event):
    """A life of the run begins."""

    kind: ClassVar[str] = "supervisor"

    identity: Table = None
    tuitune: Text = ""
    life: Count = None
    resumes: Flag = None


class Waiting(Event):
    """No device is free."""

    kind: ClassVar[str] = "waiting"

    reason: Text = ""
    place: Count = None
    of: Count = None


class Slot(Event):
    """The run got a device."""

    kind: ClassVar[str] = "slot"

    device: Named = None
    label: Text = ""


class EngineStarted(Event):
    """An engine runs; `after` is the number of the last metrics record before it."""

    kind: ClassVar[str] = "engine"

    identity: Table = None
    after: Count = None


class Acknowledged(Event):
    """A request was taken, or refused."""

    kind: ClassVar[str] = "acknowledged"

    nonce: Text = ""
    verb: Named = None
    ok: Flag = None
    message: Text = ""


class Amended(Event):
    """The recipe was rewritten: {key: {"from": …, "to": …}}."""

    kind: ClassVar[str] = "amended"

    changes: Table = None
    why: Text = ""

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """What each key was, and what it is now."""
        pairs = ((key, change if isinstance(change, dict) else {}) for key, change in (self.changes or {}).items())
        return {key: (change.get("from"), change.get("to")) for key, change in pairs}


class StopRequested(Event):
    """The engine was asked to end, by a request or a signal; with how far it was: its step, and its last record."""

    kind: ClassVar[str] = "stop-requested"
    rare: ClassVar[frozenset[str]] = frozenset({"step", "after"})

    by: Text = ""
    step: Count = None
    after: Count = None


class PauseRequested(StopRequested):
    kind: ClassVar[str] = "pause-requested"


class Kill(Event):
    """A rung of the ladder, and the seconds until the next."""

    kind: ClassVar[str] = "kill"

    rung: Text = ""
    seconds: Seconds = None
    next: Named = None
    message: Text = ""
    step: Count = None
    after: Count = None


class Silent(Event):
    kind: ClassVar[str] = "silent"

    seconds: Seconds = None


class Heard(Event):
    kind: ClassVar[str] = "heard"


class Retry(Event):
    """Out of memory: the engine starts again with smaller batches."""

    kind: ClassVar[str] = "retry"

    reason: Text = ""
    step: Count = None
    batch_size: Count = None
    accumulation: Count = None
    after: Count = None


class NotifyFailed(Event):
    kind: ClassVar[str] = "notify-failed"

    message: Text = ""


class Exited(Event):
    """The engine is gone: its exit code, or the signal that ended it."""

    kind: ClassVar[str] = "exited"

    code: Count = None
    signal: Named = None


class Ended(Event):
    """The last line of a life; `seconds` is how long it took by a clock that nobody sets."""

    kind: ClassVar[str] = "ended"

    state: Text = ""
    reason: Text = ""
    seconds: Seconds = None
