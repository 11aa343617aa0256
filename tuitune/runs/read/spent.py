"""The time that went into a run: at work on its device, and waiting for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tuitune.runs.store.records.lifecycle import Ended, EngineStarted, Event, Slot, Supervisor
from tuitune.units import duration_text

_TOLD = 1.0
"""Seconds of waiting from which on they are told: finding a free device takes a moment too."""


@dataclass(frozen=True)
class Spent:
    """Seconds over all lives of a run, as far as its supervisors could say."""

    trained: float = 0.0
    waited: float = 0.0

    def text(self, *, stepped: bool) -> str:
        """`trained 6 m 10 s, waited 2 m 05 s`; `ran 18 s` of a run that came to no step."""
        verb = "trained" if stepped else "ran"
        parts = [f"{verb} {duration_text(self.trained)}"] if self.trained or self.waited < _TOLD else []
        return ", ".join(parts + ([f"waited {duration_text(self.waited)}"] if self.waited >= _TOLD else []))


def spent(events: Iterable[Event], now: float | None = None) -> Spent | None:
    """From a run's events; None where none tells. With `now`, seconds since the epoch, its present life counts too.

    A life lasts from its supervisor's start, and trains from when it has its device. How long it was in all, the
    supervisor measures by a clock that nobody sets.
    """
    known: list[Spent] = []
    began = device = None
    for event in events:
        match event:
            case Supervisor():
                began, device = event.time, None
            case Slot() | EngineStarted() if device is None:
                device = event.time
            case Ended():
                known += _life(began, device, event.seconds)
                began = device = None
    if now is not None and (since := began or device) is not None:
        known += _life(began, device, max(now - since, 0.0))
    return Spent(sum(one.trained for one in known), sum(one.waited for one in known)) if known else None


def _life(began: float | None, device: float | None, seconds: float | None) -> list[Spent]:
    if seconds is None:
        return []
    until = seconds if device is None else 0.0 if began is None else device - began
    waited = min(max(until, 0.0), seconds)
    return [Spent(seconds - waited, waited)]
