"""A call that may hang, made so that whoever asks waits no longer than it wants to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_FRESH_SECONDS = 2.0
"""An answer that came while nobody waited for it is worth something this long."""


class TimedCall(Generic[T]):
    """Makes a call in a thread of its own, one at a time, for any number of threads that ask; the call must not raise.

    A call that hangs costs one thread that sleeps, and no exit: the thread is a daemon.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._pending: _Asked[T] | None = None
        self._lock = threading.Lock()

    def ask(self, seconds: float) -> T | None:
        """The call's answer if it comes within `seconds` of when it was made, else None; then ask again.

        A call that is still going on is waited for and not made twice.
        """
        with self._lock:
            if self._pending is None or self._pending.stale:
                self._pending = _Asked(self._call)
            asked = self._pending
        if not asked.done.wait(max(0.0, asked.since + seconds - time.monotonic())):
            return None
        with self._lock:
            if self._pending is asked:
                self._pending = None
        return asked.answer


class _Asked(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self.since = time.monotonic()
        self.done = threading.Event()
        self.answer: T | None = None
        self._answered = 0.0
        threading.Thread(target=self._make, args=(call,), name="patience", daemon=True).start()

    def _make(self, call: Callable[[], T]) -> None:
        self.answer = call()
        self._answered = time.monotonic()
        self.done.set()

    @property
    def stale(self) -> bool:
        return self.done.is_set() and time.monotonic() - self._answered > _FRESH_SECONDS
