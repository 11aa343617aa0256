"""Stopping a run: SIGTERM ends it at the next place where nothing is lost."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class Stopped(BaseException):
    """The run was asked to stop. Not an Exception: no library on the way may mistake it for a failure of its own."""


class StopSwitch:
    """Listens for SIGTERM and SIGINT while it is entered (in the main thread).

    Until training starts there is nothing to keep, so the first signal raises `Stopped`, wherever the program is. From
    `defer()` on it only sets `requested`, for the training loop to end at a step boundary.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSwitch:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._received)
        self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Stopped` if the run was asked to stop; for places where a deferred stop loses nothing."""
        if self.requested:
            raise Stopped

    def defer(self) -> None:
        """From now on no signal interrupts the program."""
        self._deferred = True

    def _received(self, number: int, frame: FrameType | None) -> None:
        first, self.requested = not self.requested, True
        if first and not self._deferred:
            raise Stopped
