"""What a supervisor works with: its run, the events it writes, the requests it gets, the notices it sends."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from tuitune.runs.control.inbox import Inbox
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import Amended
from tuitune.runs.supervise.notices import Notices


class SupervisorContext:
    """`terminated` is true once this process was asked by a signal (SIGTERM, SIGINT) to end."""

    def __init__(self, run: Run, events: EventLog) -> None:
        self.run = run
        self.events = events
        self.inbox = Inbox(run, events)
        self.notices = Notices(run, events)
        self.terminated = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def amend(self, changes: Mapping[str, Any], why: str) -> dict[str, dict[str, Any]]:
        """Change the run's recipe, with an event: {key: {"from": …, "to": …}}. RecipeError where that is refused."""
        from tuitune.runs.control.amendment import amend

        made = amend(self.run, changes)
        if made:
            self.events.append(Amended(changes=made, why=why))
        return made

    def _on_signal(self, number: int, frame: object) -> None:
        self.terminated = True
