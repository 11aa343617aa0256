"""How long a run trained and how long it waited, from the events of its lives."""

from __future__ import annotations

import pytest

from tuitune.runs.read.spent import spent
from tuitune.runs.store.records.lifecycle import Ended, EngineStarted, Event, Slot, Supervisor


def life(start: float, device: float | None, seconds: float | None = None) -> list[Event]:
    """The events of a life by the clock; of one that has ended, with the seconds that its supervisor measured."""
    events: list[Event] = [Supervisor(time=start)]
    if device is not None:
        events += [Slot(time=device), EngineStarted(time=device + 0.1)]
    return events if seconds is None else [*events, Ended(time=start + seconds, seconds=seconds)]


@pytest.mark.parametrize(
    ("events", "now", "text"),
    [
        (life(1000, 1120, 480), None, "trained 6 m 00 s, waited 2 m 00 s"),
        ([*life(1000, 1000.2, 60), *life(5000, 5060, 90)], None, "trained 1 m 30 s, waited 1 m 00 s"),
        (life(1000, None, 40), None, "waited 40 s"),
        (life(1000, None), 1030, "waited 30 s"),
        ([*life(1000, 1000, 60), *life(5000, 5030)], 5060, "trained 1 m 30 s, waited 30 s"),
        (life(1000, 400, 60), None, "trained 1 m 00 s"),
        (life(1000, 9000, 60), None, "waited 1 m 00 s"),
        ([*life(1000, 1000), *life(5000, 5000, 20)], None, "trained 20 s"),
    ],
    ids=["waited", "two lives", "never had one", "waits now", "trains now", "clock back", "clock ahead", "crashed"],
)
def test_training_and_waiting_are_told_apart(events: list[Event], now: float | None, text: str) -> None:
    found = spent(events, now)
    assert found is not None and found.text(stepped=True) == text


def test_a_run_without_a_step_has_not_trained() -> None:
    told = [found.text(stepped=False) for found in map(spent, (life(1000, 1060, 90), life(1000, None, 40))) if found]
    assert told == ["ran 30 s, waited 1 m 00 s", "waited 40 s"]


def test_nothing_is_told_where_nobody_measured() -> None:
    assert spent(life(1000, 1000)) is None
    assert spent([Ended(time=3.0)]) is None
    assert spent([Supervisor(), Ended(seconds=5.0)]) is not None
