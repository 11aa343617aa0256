"""What a supervisor works with: its run, the events it writes, the requests it gets, the notices it sends."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from tuitune.runs.control import intake
from tuitune.runs.control.intake import Request
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import Acknowledged, Amended
from tuitune.runs.supervise.notify import Notices


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


class Inbox:
    """What is asked of a run. Nonces that were answered in an earlier life count as answered."""

    def __init__(self, run: Run, events: EventLog) -> None:
        self._run = run
        self._events = events
        told = journal.backwards(run.events_file, Acknowledged.kind)
        self._answered = {event.nonce for event in map(Acknowledged.read, told)}
        self._immovable: set[str] = set()

    def take(self) -> list[Request]:
        """The requests to carry out; whatever else lies in the spool is refused and taken out of it."""
        accepted = []
        for found in intake.pending(self._run, self._immovable):
            if isinstance(found, intake.Refusal):
                self._answer(found.nonce, None, False, found.message)
            elif found.nonce in self._answered:
                self._answer(found.nonce, found.verb, False, "this request was answered before")
            else:
                accepted.append(found)
        return accepted

    def answer(self, request: Request, ok: bool, message: str) -> None:
        self._answer(request.nonce, request.verb, ok, message)

    def turn_away(self, message: str) -> None:
        """Refuse everything that waits."""
        while intake.pending(self._run, self._immovable):
            for request in self.take():
                self.answer(request, False, message)

    def _answer(self, nonce: str, verb: str | None, ok: bool, message: str) -> None:
        self._events.append(Acknowledged(nonce=nonce, verb=verb, ok=ok, message=message))
        self._answered.add(nonce)
        if not intake.discard(self._run, nonce):
            self._immovable.add(nonce)
