"""One run of the home screen's list, as plain figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run

READING = "reading"
"""Stands for the state of a run whose files have not been read yet."""


@dataclass(frozen=True)
class RunLine:
    """One run of the list; `live` says whether processes are at work on it. Times are in seconds.

    `loss` and `losses` are the training loss, newest and so far, the latter averaged into at most sixteen points; None
    and empty where it says nothing. `place` is that in the queue, from 1, of
    `waiting` runs; 0 for a run that does not wait. `alerts` counts the errors that the run has raised, and `alert` is
    the last one's message. `spent` tells in words how long it has trained and waited.
    """

    run: Run
    state: str = READING
    live: bool = False
    reason: str = ""
    phase: str = ""
    model: str = ""
    data: str = ""
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    losses: tuple[float, ...] = ()
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    created_at: float | None = None
    ended_at: float | None = None
    spent: str = ""
    place: int = 0
    waiting: int = 0
    alerts: int = 0
    alert: str = ""

    def contains(self, words: Sequence[str]) -> bool:
        """Whether name, model, data and state together contain every one of `words` (in lower case)."""
        text = f"{self.run.name} {self.model} {self.data} {self.state}".lower()
        return all(word in text for word in words)
