"""The steps of training since its last record: what they learned, and how long they took without interruptions."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


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


@dataclass(frozen=True)
class Figures:
    """What `steps` steps came to: their mean loss, the tokens of the run so far, and where the time went."""

    loss: float
    steps: int
    tokens: int
    tokens_per_second: float
    seconds: float
    waited: float


class StepWindow:
    """Adds up loss, tokens and seconds from one record to the next, also across lives, and never waits for the device.

    `watch` is paused for all but training, `fetching` entered while a batch is waited for; the owner counts `steps`.
    """

    def __init__(self) -> None:
        self.watch = Stopwatch()
        self.fetching = TimeTally()
        self.tokens = 0
        self.steps = 0
        self._loss: Tensor | float = 0.0
        self._new_tokens = 0
        self._seconds_before = 0.0

    @property
    def loss(self) -> float:
        """The sum of the losses so far; waits for the device."""
        return float(self._loss)

    def begin(self) -> None:
        self.watch.lap(self._seconds_before)

    def learned(self, loss: Tensor, tokens: int) -> None:
        """A batch went through the model, with its share of the step's loss."""
        self._loss = self._loss + loss
        self.tokens += tokens
        self._new_tokens += tokens

    def close(self) -> Figures:
        """The figures of this window; the next one begins."""
        seconds, steps = self.watch.lap(), max(self.steps, 1)
        figures = Figures(
            loss=self.loss / steps,
            steps=steps,
            tokens=self.tokens,
            tokens_per_second=self._new_tokens / seconds,
            seconds=seconds,
            waited=self.fetching.seconds,
        )
        self._loss, self.steps, self._new_tokens, self.fetching.seconds = 0.0, 0, 0, 0.0
        return figures

    def state(self) -> dict[str, Any]:
        """For `restore`, in finite numbers; a loss that is none is None."""
        return {
            "loss": self.loss if math.isfinite(self.loss) else None,
            "steps": self.steps,
            "tokens": self.tokens,
            "new_tokens": self._new_tokens,
            "seconds": self.watch.seconds,
            "waited": self.fetching.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        loss = state.get("loss", 0.0)
        self._loss = math.nan if loss is None else loss
        self.steps = state.get("steps", 0)
        self.tokens = state.get("tokens", 0)
        self._new_tokens = state.get("new_tokens", 0)
        self._seconds_before = state.get("seconds", 0.0)
        self.fetching.seconds = state.get("waited", 0.0)
