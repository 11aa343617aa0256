"""Noticing that an engine has fallen silent, by a clock that nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST_SECONDS = 120.0
_STEPS = 20


class Silence:
    """Time since something was heard. Silence is longer than two minutes and than twenty times the longest step."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._told = 0.0

    def broken(self) -> bool:
        """Something was heard; whether it ends a silence that was told of."""
        self._since, told, self._told = self._clock(), self._told, 0.0
        return told > 0

    def news(self, longest_step: float) -> float | None:
        """The seconds of silence, when they are worth telling: the first time, and each time that they have doubled."""
        seconds = self._clock() - self._since
        if seconds < max(SHORTEST_SECONDS, _STEPS * longest_step, 2 * self._told):
            return None
        self._told = seconds
        return seconds
