"""Stopping a run: SIGTERM ends it at the next place where nothing is lost, a second one where it stands."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

ONE_WISH_SECONDS = 3.0
"""Signals this close together are one wish to stop: a job scheduler signals a whole process group at once."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def hold_back() -> None:
    """Keep the signals waiting until a `StopSwitch` is open: a process that is just starting would die of them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


class Stopped(BaseException):
    """The run was asked to stop. Not an Exception: no library on the way may mistake it for a failure of its own."""


class StopSwitch:
    """Listens for SIGTERM and SIGINT while it is entered (in the main thread).

    Until training starts there is nothing to keep, so the first signal raises `Stopped`, wherever the program is. From
    `defer()` on it only sets `requested`, for the training loop to end at a step boundary. A later signal raises
    `Stopped` wherever the program is and sets `urgent`: what is committed by then is all that is kept.
    """

    def __init__(self) -> None:
        self.requested = False
        self.urgent = False
        self._since = 0.0
        self._deferred = False
        self._settled = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSwitch:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._received)
        self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def open(self) -> None:
        """Let signals through that were held back while the program started; raises `Stopped` where there was one."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def check(self) -> None:
        """Raise `Stopped` if the run was asked to stop; for places where a deferred stop loses nothing."""
        if self.requested:
            raise Stopped

    def defer(self) -> None:
        """From now on the first signal interrupts nothing."""
        self._deferred = True

    def settle(self) -> None:
        """From now on no signal has any effect: how the run ends is decided."""
        self._settled = True

    def _received(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._settled or self.urgent:
            return
        if not self.requested:
            self.requested, self._since = True, now
            if not self._deferred:
                raise Stopped
        elif now - self._since > ONE_WISH_SECONDS:
            self.urgent = True
            raise Stopped
