"""Ending an engine that is to be gone: ask, then insist, each rung with its time; what cannot be ended is said."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tuitune.runs.supervise.engine_process import EngineProcess
from tuitune.runs.supervise.engine_progress import EngineProgress

PATIENCE = (5.0, 60.0)
"""The least and the most seconds that an engine is given to save and end when it is asked to."""

GROUP_SECONDS = 5.0

MESSAGES = {
    "ask": "asked to save and end at its next step",
    "terminate-group": "sent SIGTERM, with all its processes",
    "kill-group": "killed with SIGKILL, with all its processes",
    "stuck": "its processes survive SIGKILL: they wait for the kernel, and the device stays held until they end",
}
_NEXT = {"ask": "terminate-group", "terminate-group": "kill-group", "kill-group": "stuck"}


def patience(progress: EngineProgress) -> float:
    """Seconds that the engine may need to end by itself: two saves and a step, as long as they have taken."""
    least, most = PATIENCE
    return min(max(2 * progress.longest_save + progress.longest_step, least), most)


class KillEscalation:
    """The rungs, climbed by calling `climb` now and then; `tell` is given the fields of each rung's event."""

    def __init__(self, engine: EngineProcess, seconds: float, tell: Callable[..., None]) -> None:
        self._engine = engine
        self._seconds = seconds
        self._tell = tell
        self._rung: str | None = None
        self._until = 0.0

    def begin(self, *, now: bool = False) -> None:
        """Set foot on the first rung, or with `now` on SIGKILL. Where it was begun, only `now` makes a difference."""
        if self._rung is None or (now and self._rung in ("ask", "terminate-group")):
            self._step_on("kill-group" if now else "ask")

    def climb(self) -> None:
        """Go on to the next rung where the time of this one is over."""
        if self._rung in _NEXT and time.monotonic() >= self._until:
            self._step_on(_NEXT[self._rung])

    def _step_on(self, rung: str) -> None:
        seconds = {"ask": self._seconds, "stuck": None}.get(rung, GROUP_SECONDS)
        self._rung, self._until = rung, time.monotonic() + (seconds or 0.0)
        self._tell(rung=rung, seconds=seconds, next=_NEXT.get(rung), message=MESSAGES[rung])
        match rung:
            case "ask":
                self._engine.stop()
            case "terminate-group":
                self._engine.signal_group(signal.SIGTERM)
            case "kill-group":
                self._engine.signal_group(signal.SIGKILL)
