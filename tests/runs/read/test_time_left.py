"""The time that a run still takes, by its own records."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runs.read.test_summary import step, supervised_by_me, write
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.summary import RunView
from tuitune.runs.read.time_left import times_due
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter


@pytest.mark.parametrize(
    ("every", "at", "total", "per_epoch", "times"),
    [
        (50, 306, 381, 127, 1),
        (50, 0, 400, 100, 7),
        (50, 350, 400, 100, 0),
        ("epoch", 0, 300, 100, 2),
        ("epoch", 100, 300, 100, 1),
        ("epoch", 0, 250, 100, 2),
        ("epoch", 10, 300, None, 0),
        ("end", 0, 300, 100, 0),
        (None, 0, 300, 100, 0),
        (0, 0, 300, 100, 0),
        (1, 7, 10, 2, 2),
    ],
)
def test_what_is_due_before_the_last_step(every: Any, at: int, total: int, per_epoch: int | None, times: int) -> None:
    assert times_due(every, at, total, per_epoch) == times


def at_work(**recipe: Any) -> Run:
    run = create(Recipe.model_validate({"run": {"name": "timed"}, **recipe}))
    supervised_by_me(run)
    write(run, {"kind": "plan", "total_steps": 40, "steps_per_epoch": 10}, *(step(number) for number in range(1, 13)))
    return run


def evaluated(at: int, label: str, seconds: float | None) -> dict[str, Any]:
    return {"kind": "eval", "step": at, "label": label, "loss": 1.0, "seconds": seconds}


def eta(run: Run) -> float | None:
    view = RunView(run)
    view.refresh()
    return view.summary.eta_seconds


def test_evaluations_and_samples_still_to_come_are_reckoned_with(home: object) -> None:
    run = at_work()
    steps = 28 * 2.0
    assert eta(run) == steps
    write(run, evaluated(0, "base", 8.0), evaluated(10, "during", 12.0))
    assert eta(run) == steps + 3 * 10.0
    with JournalWriter(run.samples_file) as samples:
        for index in range(2):
            samples.append(step=0, index=index, label="base", prompt="a", answer="b", seconds=5.0)
            samples.append(step=10, index=index, label="during", prompt="a", answer="b", seconds=3.0)
        samples.append(step=11, index=10**6, label="during", prompt="c", answer="d", seconds=90.0, nonce="asked")
    assert eta(run) == steps + 3 * 10.0 + 3 * 4.0
    write(run, {"kind": "tuned", "step": 12, "changes": {"evaluation.every": 4, "samples.every": "end"}})
    assert eta(run) == steps + 7 * 10.0 + 4.0


def test_what_was_done_at_the_end_is_not_to_come_again(home: object) -> None:
    run = at_work(evaluation={"every": "end"})
    write(run, evaluated(0, "base", 6.0), *(step(number) for number in range(13, 41)))
    assert eta(run) == 6.0
    write(run, evaluated(40, "tuned", 6.0))
    assert eta(run) == 0.0


def test_an_evaluation_without_a_duration_tells_nothing(home: object) -> None:
    run = at_work()
    write(run, evaluated(0, "base", None))
    assert eta(run) == 28 * 2.0
