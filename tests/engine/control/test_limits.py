"""When a run ends by itself, and when it does what: limits, early stopping, cadence."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.engine.control.cadence import Due, due
from tuitune.engine.control.stop_conditions import EarlyStopping, Reached, reached
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.limits import LimitsSection
from tuitune.recipe.tunable import tune

NOON = datetime(2026, 12, 24, 12, tzinfo=UTC)


def look(seconds: float = 0.0, smoothed: float | None = None, now: datetime = NOON, **limits: Any) -> Reached | None:
    return reached(LimitsSection(**limits), seconds=seconds, loss=smoothed, now=now)


def test_without_limits_a_run_goes_on() -> None:
    assert look(seconds=1e9, smoothed=0.0) is None


@pytest.mark.parametrize(
    ("limits", "figures", "words", "hurried"),
    [
        ({"hours": 0.5}, {"seconds": 1800}, "limits.hours = 0.5 reached after 30 m 00 s", True),
        ({"cost": 3.0, "price_per_hour": 1.5}, {"seconds": 7200}, "limits.cost = 3 reached, 3.00 spent", True),
        ({"until": "2026-12-24T12:00+00:00"}, {}, "limits.until = 2026-12-24T12:00+00:00 reached", True),
        ({"loss": 0.5}, {"smoothed": 0.5}, "limits.loss = 0.5 reached, smoothed loss 0.5000", False),
    ],
    ids=["hours", "cost", "until", "loss"],
)
def test_a_limit_is_reached(limits: dict[str, Any], figures: dict[str, Any], words: str, hurried: bool) -> None:
    found = look(**figures, **limits)
    assert found is not None and words in found.reason and found.hurried is hurried


@pytest.mark.parametrize(
    ("limits", "figures"),
    [
        ({"hours": 0.5}, {"seconds": 1799}),
        ({"cost": 3.0, "price_per_hour": 1.5}, {"seconds": 7199}),
        ({"until": "2026-12-24T12:00+00:00"}, {"now": NOON - timedelta(seconds=1)}),
        ({"loss": 0.5}, {"smoothed": 0.51}),
        ({"loss": 0.5}, {"smoothed": None}),
        ({"price_per_hour": 99.0}, {"seconds": 1e6}),
    ],
)
def test_just_before_a_limit_a_run_goes_on(limits: dict[str, Any], figures: dict[str, Any]) -> None:
    assert look(**figures, **limits) is None


def test_a_moment_without_a_zone_is_local() -> None:
    moment = datetime(2026, 12, 24, 8).astimezone()
    assert look(until="2026-12-24T08:00", now=moment) is not None
    assert look(until="2026-12-24T08:00", now=moment - timedelta(seconds=1)) is None


def test_a_jump_of_the_clock_changes_no_limit_but_the_moment() -> None:
    for jump in (timedelta(hours=1), timedelta(hours=-1)):
        assert look(hours=1.0, seconds=3599, now=NOON + jump) is None
        assert look(hours=1.0, seconds=3600, now=NOON + jump) is not None


def test_early_stopping_counts_scheduled_evaluations_in_a_row() -> None:
    early = EarlyStopping()
    for step, loss, lower in ((10, 2.0, True), (20, 1.5, True), (30, 1.6, False), (40, 1.5, False)):
        assert early.measured(step, loss, scheduled=True) is lower and early.exhausted(3, 20) is None
    assert early.measured(45, 1.9, scheduled=False) is False and early.exhausted(3, 20) is None
    early = EarlyStopping(**json.loads(json.dumps(asdict(early))))
    early.measured(50, float("nan"), scheduled=True)
    assert early.exhausted(3, 20) == (
        "no lower held-out loss for 3 evaluations; the lowest, 1.5000, was at step 20 and its checkpoint is kept"
    )
    assert early.exhausted(3, None) == "no lower held-out loss for 3 evaluations; the lowest, 1.5000, was at step 20"
    assert early.exhausted(None, 20) is None
    early.measured(55, 1.4, scheduled=False)
    assert early.exhausted(1, 55) is None


def test_a_held_out_loss_that_never_is_a_number_ends_a_run_too() -> None:
    early = EarlyStopping()
    early.measured(1, float("nan"), scheduled=True)
    assert early.exhausted(1, None) == "no lower held-out loss for 1 evaluation"


@given(every=st.integers(1, 20) | st.sampled_from(["epoch", "end"]), epoch=st.integers(1, 9), total=st.integers(1, 60))
def test_everything_happens_as_often_as_the_recipe_says(every: int | str, epoch: int, total: int) -> None:
    keys = ("evaluation.every", "checkpoints.every", "samples.every")
    recipe = tune(Recipe(), {**dict.fromkeys(keys, every), "training.log_every": 3})
    seen = {step: due(recipe, step, epoch_ended=step % epoch == 0, last=step == total) for step in range(1, total + 1)}
    between = {"epoch": epoch, "end": total + 1}.get(every, every) if isinstance(every, str) else every
    times = {step for step in seen if step % between == 0}
    assert {step for step, now in seen.items() if now.save} == times | {total}
    for during in ("evaluate", "sample"):
        assert {step for step, now in seen.items() if getattr(now, during)} == times - {total}
    assert {step for step, now in seen.items() if now.log} == {step for step in seen if step % 3 == 0} | {total}


def test_the_result_is_not_measured_twice() -> None:
    assert due(Recipe(), 8, epoch_ended=True, last=True) == Due(log=True, save=True)
