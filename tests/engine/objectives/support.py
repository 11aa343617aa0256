"""What the tests of objectives share: their figures step by step, and a run that is cut off and goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from tests.engine.live import fork, hit, says
from tests.engine.loop.test_resume import assert_same, cut_off_after
from tests.engine.support import Carry, Outcome
from tuitune.objectives import TRAINED
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.runs.store.journal import read_all


def metrics(run: Run) -> list[dict[str, Any]]:
    """The figures of its own that a run recorded, step by step, as its newest life has them."""
    own = [metric.key for metric in TRAINED[read_recipe(run).objective.kind].metrics]
    found: dict[int, dict[str, Any]] = {}
    for record in read_all(run.metrics_file):
        if record["kind"] == "step":
            found[record["step"]] = {key: record[key] for key in own if key in record}
    return [found[step] for step in sorted(found)]


def carried_on(run: Run) -> Outcome:
    """A run that exists, carried on in this process."""
    from tuitune.engine.worker import carry_out

    return Outcome(run, carry_out(run.path))


def goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    """A run cut off after a checkpoint comes to the same, bit by bit, as one that was not."""
    whole = carried_out(**settings)
    assert whole.code == 0, whole.reason
    cut = cut_off_after(step, whole.run, "cut")
    resumed = carried_on(cut)
    assert resumed.code == 0, resumed.reason
    (record,) = resumed.records("resumed")
    assert (record["step"], record["exact"], record["reasons"]) == (step, True, [])
    assert_same(whole.run, cut)
    assert metrics(whole.run) == metrics(cut)


def comes_to_the_same_killed_and_paused(whole: Run, run: Run) -> None:
    """A run killed at one step and paused at a later one comes to the same, bit by bit, as the `whole` one."""
    assert fork(run, at=says("step 3 "), do=lambda: hit(signal.SIGKILL)).end().code == -signal.SIGKILL
    engine = fork(run, at=says("step 4 "), do=lambda: hit(signal.SIGTERM), told=(("pause", {}),))
    assert engine.end().code in (3, 4)
    outcome = fork(run).end()
    assert outcome.code == 0, outcome.reason
    assert all(record["exact"] for record in outcome.records("resumed"))
    assert_same(whole, run)
    assert metrics(whole) == metrics(run)


def carrying(make: Callable[..., Run]) -> Carry:
    """Carries out the runs that `make` makes, in this process."""

    def carry(**settings: Any) -> Outcome:
        return carried_on(make(**settings))

    return carry
