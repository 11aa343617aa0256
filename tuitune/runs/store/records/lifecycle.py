"""The records of events.jsonl, which a run's supervisor alone writes. docs/run-directory.md says when."""

from __future__ import annotations

from typing import Any, ClassVar

from tuitune.runs.store.records.line import Count, Flag, Line, Named, Seconds, Table, Text


class Event(Line):
    """What happened to a run."""

    KEY: ClassVar[str] = "event"


class Supervisor(Event, kind="supervisor"):
    """A life of the run begins."""

    identity: Table = None
    tuitune: Text = ""
    life: Count = None
    resumes: Flag = None


class Waiting(Event, kind="waiting"):
    """No device is free."""

    reason: Text = ""
    place: Count = None
    of: Count = None


class Slot(Event, kind="slot"):
    """The run got a device."""

    device: Named = None
    label: Text = ""


class EngineStarted(Event, kind="engine"):
    """An engine runs; `after` is the number of the last metrics record before it."""

    identity: Table = None
    after: Count = None


class Acknowledged(Event, kind="acknowledged"):
    """A request was taken, or refused."""

    nonce: Text = ""
    verb: Named = None
    ok: Flag = None
    message: Text = ""


class Amended(Event, kind="amended"):
    """The recipe was rewritten: {key: {"from": …, "to": …}}."""

    changes: Table = None
    why: Text = ""

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """What each key was, and what it is now."""
        pairs = ((key, change if isinstance(change, dict) else {}) for key, change in (self.changes or {}).items())
        return {key: (change.get("from"), change.get("to")) for key, change in pairs}


class StopRequested(Event, kind="stop-requested", rare={"step", "after"}):
    """The engine was asked to end, by a request or a signal; with how far it was: its step, and its last record."""

    by: Text = ""
    step: Count = None
    after: Count = None


class PauseRequested(StopRequested, kind="pause-requested"):
    """The same, to go on later."""


class Kill(Event, kind="kill"):
    """A rung of the ladder, and the seconds until the next."""

    rung: Text = ""
    seconds: Seconds = None
    next: Named = None
    message: Text = ""
    step: Count = None
    after: Count = None


class Silent(Event, kind="silent"):
    """For so long nothing was heard from the engine."""

    seconds: Seconds = None


class Heard(Event, kind="heard"):
    """The engine responds again."""


class Retry(Event, kind="retry"):
    """Out of memory: the engine starts again with smaller batches."""

    reason: Text = ""
    step: Count = None
    batch_size: Count = None
    accumulation: Count = None
    after: Count = None


class NotifyFailed(Event, kind="notify-failed"):
    """The user's command of `run.notify` went wrong."""

    message: Text = ""


class Exited(Event, kind="exited"):
    """The engine is gone: its exit code, or the signal that ended it."""

    code: Count = None
    signal: Named = None


class Ended(Event, kind="ended"):
    """The last line of a life; `seconds` is how long it took by a clock that nobody sets."""

    state: Text = ""
    reason: Text = ""
    seconds: Seconds = None


TELLING = (
    *(Supervisor, Waiting, Slot, EngineStarted, StopRequested, PauseRequested, Kill),
    *(Silent, Heard, Retry, Exited, Ended),
)
"""The events that a run's state follows from; of each kind the newest counts."""
