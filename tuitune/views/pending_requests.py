"""What was asked of a run from this screen and is not answered yet."""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.runs.control.spool import ENGINE_VERBS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records.lifecycle import Acknowledged
from tuitune.runs.store.records.training import Done


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

    def settle(self, view: RunView) -> list[Answer]:
        """Drop what is answered; the answers to what the engine was to do, and to what came too late for it."""
        answers = [_answer(ask, view) for ask in self._open if ask.verb in ENGINE_VERBS]
        found = {answer.ask: answer for answer in answers if answer is not None}
        shown = view.summary.state in (*AT_REST, "stopping")
        self._open = [ask for ask in self._open if ask not in found and (ask.verb in ENGINE_VERBS or not shown)]
        return list(found.values())


def _answer(ask: PendingRequest, view: RunView) -> Answer | None:
    """The engine's answer, or the supervisor's refusal to pass the request on."""
    refused = [event for event in view.events if isinstance(event, Acknowledged) and event.ok is False]
    answers: list[Acknowledged | Done] = [*reversed(refused), *reversed(view.done)]
    for line in answers:
        if line.nonce == ask.nonce:
            return Answer(ask, line.ok is True, line.message)
    if view.complete and view.summary.state in AT_REST:
        return Answer(ask, False, f"the run ended first: {view.summary.state}")
    return None
