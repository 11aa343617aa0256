"""Telling the user's own command (`run.notify`) what happens to a run, while the supervisor goes on with its work."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import NotifyFailed

if TYPE_CHECKING:
    from tuitune.runs.supervise.notify import Notification

_AT_ONCE = 4
_GRACE_SECONDS = 1.0


class Notices:
    """The notifications of a life, by `command`; without one nothing happens. One that fails is an event."""

    def __init__(self, run: Run, events: EventLog) -> None:
        self.command = ""
        self._run = run
        self._events = events
        self._running: list[Notification] = []

    def say(self, event: str, facts: Mapping[str, Any], *, last: bool = False) -> None:
        """Start the command for `event`; the `last` one also where several others still run."""
        from tuitune.runs.supervise.notify import Notification

        if not self.command.strip():
            return
        if len(self._running) >= _AT_ONCE and not last:
            self._failed(f"{_AT_ONCE} notifications were running already; this one ({event}) was skipped")
            return
        self._running.append(Notification(self._run, self.command, {"event": event, **facts}))

    def poll(self) -> None:
        """Keep the time of those that run, and record what went wrong with those that ended."""
        answers = [(notification, notification.poll()) for notification in self._running]
        self._running = [notification for notification, answer in answers if answer is None]
        for _, answer in answers:
            if answer:
                self._failed(answer)

    def settle(self) -> None:
        """Give those that run a moment to end, so that what goes wrong at once is in the events."""
        deadline = time.monotonic() + _GRACE_SECONDS
        self.poll()
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)
            self.poll()

    def wait(self) -> None:
        """Wait for all of them, without events, for the run may be somebody else's by now."""
        for notification in self._running:
            if message := notification.wait():
                print(f"[tuitune] notification failed: {message}", file=sys.stderr, flush=True)

    def _failed(self, message: str) -> None:
        self._events.append(NotifyFailed(message=message))
