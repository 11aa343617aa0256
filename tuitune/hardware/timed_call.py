"""A call that may hang, made so that whoever asks waits no longer than it wants to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
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
        self._pending: Future[T] | None = None
        self._since = self._answered = 0.0
        self._lock = threading.Lock()

    def ask(self, seconds: float) -> T | None:
        """The call's answer if it comes within `seconds` of when it was made, else None; then ask again.

        A call that is still going on is waited for and not made twice.
        """
        with self._lock:
            pending = self._pending
            if pending is None or (pending.done() and time.monotonic() - self._answered > _FRESH_SECONDS):
                pending, self._since = Future(), time.monotonic()
                threading.Thread(target=self._make, args=(pending,), name="timed call", daemon=True).start()
                self._pending = pending
            left = self._since + seconds - time.monotonic()
        try:
            answer = pending.result(max(0.0, left))
        except TimeoutError:
            return None
        with self._lock:
            if self._pending is pending:
                self._pending = None
        return answer

    def _make(self, pending: Future[T]) -> None:
        answer = self._call()
        self._answered = time.monotonic()
        pending.set_result(answer)
