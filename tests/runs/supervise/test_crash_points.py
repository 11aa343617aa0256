"""The supervisor killed at every write and sync of its own: nothing that was done is lost, and the run goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.runs.crash import MODES, die_at
from tests.runs.harness import events, last_event
from tuitune.recipe.schema import Recipe
from tuitune.runs.queue import order  # noqa: F401 - imported here once, not in every fork
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import NotifyFailed
from tuitune.runs.supervise import waiting  # noqa: F401 - imported here once, not in every fork
from tuitune.runs.supervise.supervisor import supervise

EVENTS = 6


@pytest.mark.parametrize("mode", MODES)
def test_no_event_that_was_acknowledged_is_lost(run: Run, mode: str) -> None:
    """At most one that was not is there all the same; the next writer goes on where the last whole one ended."""

    def write(tell: Callable[[str], None]) -> None:
        log = EventLog(run)
        for number in range(EVENTS):
            log.append(NotifyFailed(message=f"{number} {'é' * 500}"))
            tell(str(number))
        log.close()

    points, survived = 0, False
    while not survived:
        points += 1
        run.events_file.unlink(missing_ok=True)
        run.reserve_file.unlink(missing_ok=True)
        told, survived = die_at(points, mode, write)
        found = [record["message"].split()[0] for record in journal.read_all(run.events_file)]
        assert found[: len(told)] == told
        assert len(found) <= len(told) + 1
        log = EventLog(run)
        log.append(NotifyFailed(message="after"))
        log.close()
        records = journal.read_all(run.events_file)
        assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
        assert [record["message"].split()[0] for record in records] == [*found, "after"]
    print(f"{points - 1} points, {mode}")
    assert points - 1 == 2 + 2 * EVENTS


QUICK_ENGINE = [sys.executable, "-S", "-c", "raise SystemExit(3)"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_life_that_is_killed_anywhere_is_followed_by_another(mode: str) -> None:
    """Twice in a row, and then the run comes to its end: with a whole journal, and each life ended once."""
    points, survived = 0, False
    while not survived:
        points += 1
        run = create(Recipe())
        for _ in range(2):
            live = partial(supervise, run, QUICK_ENGINE, after=last_event(run))
            _, survived = die_at(points, mode, lambda _, live=live: live())
            state, _ = derive(run)
            while state not in AT_REST and events(run, "supervisor"):
                time.sleep(0.01)
                state, _ = derive(run)
        assert supervise(run, QUICK_ENGINE, after=last_event(run)) == 0
        assert derive(run) == ("stopped", "")
        kinds = [event["event"] for event in journal.read_all(run.events_file)]
        lives = "".join({"supervisor": "(", "ended": ")"}.get(kind, "") for kind in kinds)
        assert lives == "()" * (len(lives) // 2)
        assert [event["life"] for event in events(run, "supervisor")] == list(range(1, len(lives) // 2 + 1))
    print(f"{points - 1} points, {mode}")
    assert points > 12
