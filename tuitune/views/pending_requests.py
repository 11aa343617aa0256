"""What was asked of a run from this screen and is not answered yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuitune.runs.control.spool import ENGINE_VERBS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.store.journal import Record
from tuitune.views.watched_run import WatchedRun


@dataclass(frozen=True)
class Ask:
    """A request in the run's spool. `nonce` is "" where it is not known; `detail` is what it is about."""

    verb: str
    nonce: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a request that the engine carries out."""

    ask: Ask
    ok: bool
    message: str


class Asks:
    """Requests from when they are sent until the run's journals tell what became of them."""

    def __init__(self) -> None:
        self._open: list[Ask] = []

    def add(self, ask: Ask) -> None:
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
    def _answer(ask: Ask, view: WatchedRun) -> Answer | None:
        done = _bearing(view.done, ask.nonce) or _refusal(view.events, ask.nonce)
        if done is not None:
            return Answer(ask, done.get("ok") is True, str(done.get("message") or ""))
        if view.complete and view.summary.state in AT_REST:
            return Answer(ask, False, f"the run ended first: {view.summary.state}")
        return None

    @staticmethod
    def _over(ask: Ask, view: WatchedRun) -> bool:
        """Whether a request that the supervisor carries out shows in the run's state."""
        return ask.verb not in ENGINE_VERBS and view.summary.state in (*AT_REST, "stopping")


def _bearing(records: Sequence[Record], nonce: str) -> Record | None:
    return next((record for record in reversed(records) if record.get("nonce") == nonce), None)


def _refusal(events: Sequence[Record], nonce: str) -> Record | None:
    answer = _bearing([event for event in events if event.get("event") == "acknowledged"], nonce)
    return answer if answer is not None and answer.get("ok") is False else None
