"""How long training takes, without what interrupts it."""

from __future__ import annotations

import time


class Stopwatch:
    """Measures the seconds between two laps. What happens while it is entered (`with watch:`) does not count."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._paused = 0.0

    def __enter__(self) -> Stopwatch:
        self._paused -= time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._paused += time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap; at least a microsecond, so that rates can be had from it."""
        now = time.perf_counter()
        seconds = now - self._started - self._paused
        self._started, self._paused = now, 0.0
        return max(seconds, 1e-6)
