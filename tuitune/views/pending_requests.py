"""What was asked of a run from this screen and is not answered yet."""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.runs.control.spool import ENGINE_VERBS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.store.records.lifecycle import Acknowledged
from tuitune.runs.store.records.training import Done
from tuitune.views.watched_run import WatchedRun


@dataclass(frozen=True)
class PendingRequest:
    """A request in the run's spool. `nonce` is "" where it is not known; `detail` is what it is about."""

    verb: str
    nonce: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a request that the engine carries out."""

    ask: PendingRequest
    ok: bool
    message: str


class PendingRequests:
    """Requests from when they are sent until the run's journals tell what became of them."""

    def __init__(self) -> None:
        self._open: list[PendingRequest] = []

    def add(self, ask: PendingRequest) -> None:
        self._open.append(ask)

    def __contains__(self, verb: str) -> bool:
        return any(ask.verb == verb for ask in self._open)

    @property
    def words(self) -> str:
        """`checkpoint requested …`; "" where nothing is open."""
        verbs = dict.fromkeys(ask.verb for ask in self._open)
        return f"{', '.join(verbs)} requested …" if verbs else ""

    def settle(self, view: WatchedRun) -> list[Answer]:
        """Drop what is answered; the answers to what the engine was to do, and to what came too late for it."""
        answers = [self._answer(ask, view) for ask in self._open if ask.verb in ENGINE_VERBS]
        found = {answer.ask: answer for answer in answers if answer is not None}
        self._open = [ask for ask in self._open if ask not in found and not self._over(ask, view)]
        return list(found.values())

    @staticmethod
    def _answer(ask: PendingRequest, view: WatchedRun) -> Answer | None:
        for line in (*reversed(view.events), *reversed(view.done)):
            if isinstance(line, Done | Acknowledged) and line.nonce == ask.nonce and not _passed_on(line):
                return Answer(ask, line.ok is True, line.message)
        if view.complete and view.summary.state in AT_REST:
            return Answer(ask, False, f"the run ended first: {view.summary.state}")
        return None

    @staticmethod
    def _over(ask: PendingRequest, view: WatchedRun) -> bool:
        """Whether a request that the supervisor carries out shows in the run's state."""
        return ask.verb not in ENGINE_VERBS and view.summary.state in (*AT_REST, "stopping")


def _passed_on(line: Done | Acknowledged) -> bool:
    """Whether the supervisor has given the request to the engine, whose answer is yet to come."""
    return isinstance(line, Acknowledged) and line.ok is not False
