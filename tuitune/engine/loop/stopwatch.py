"""How long training takes, without what interrupts it."""

from __future__ import annotations

import time


class Stopwatch:
    """Measures the seconds between two laps. What happens while it is entered (`with watch:`) does not count."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._paused = 0.0
        self._pause_began: float | None = None

    def __enter__(self) -> Stopwatch:
        self._pause_began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pause_began is not None:
            self._paused += time.perf_counter() - self._pause_began
        self._pause_began = None

    @property
    def seconds(self) -> float:
        """Seconds since the last lap; at least a microsecond, so that rates can be had from it."""
        now = time.perf_counter() if self._pause_began is None else self._pause_began
        return max(now - self._started - self._paused, 1e-6)

    def lap(self, already: float = 0.0) -> float:
        """As `seconds`, and begin a new lap, of which `already` so many seconds have passed."""
        seconds = self.seconds
        self._started, self._paused = time.perf_counter() - already, 0.0
        return seconds


class TimeTally:
    """Adds up the seconds spent within it (`with tally:`)."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> TimeTally:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began
