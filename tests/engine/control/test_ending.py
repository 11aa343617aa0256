"""Runs that end of their own accord: at a limit, or because evaluations no longer improve."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.engine.live import fork
from tests.engine.support import Carry, Outcome
from tuitune.runs.store import checkpoints


def ended(outcome: Outcome, cause: str | None = "limit") -> dict[str, Any]:
    (end,) = outcome.records("end")
    assert (outcome.code, end["outcome"], end["cause"]) == (3, "stopped", cause), end
    assert (outcome.run.adapter / "adapter_model.safetensors").is_file()
    newest, _ = checkpoints.newest(outcome.run)
    assert newest is not None and newest.step == end["step"] and end["reason"].endswith("; the adapter is saved")
    return end


def labels(outcome: Outcome) -> list[str]:
    return [record["label"] for record in outcome.records("eval")]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"limits__hours": 1e-9}, "limits.hours = 1e-09"),
        ({"limits__cost": 1e-9, "limits__price_per_hour": 2.0}, "limits.cost = 1e-09"),
        ({"limits__until": (datetime.now() - timedelta(hours=1)).isoformat()}, "limits.until"),
    ],
    ids=["hours", "cost", "until"],
)
def test_time_and_money_end_a_run_without_more_ado(carried: Carry, limits: dict[str, Any], words: str) -> None:
    outcome = carried(training__max_steps=50, **limits)
    end = ended(outcome)
    assert end["step"] == 1 and words in end["reason"] and "stopped after step 1" in end["reason"]
    alerts = {(record["id"], record["level"]) for record in outcome.records("alert")}
    assert alerts == {("limit", "info"), ("unchanged", "warning")}  # its only step was one of warm-up
    assert labels(outcome) == ["base"]


def test_training_time_is_counted_across_lives(carried: Carry) -> None:
    outcome = carried(training__max_steps=50, limits__hours=0.2 / 3600)
    first = ended(outcome)["step"]
    again = fork(outcome.run).end()
    assert again.records("end")[-1]["step"] == first + 1 < 50


def test_a_loss_low_enough_ends_a_run_and_is_measured(carried: Carry) -> None:
    outcome = carried(training__max_steps=50, limits__loss=100.0, evaluation__every="end")
    end = ended(outcome)
    assert end["step"] == 11 and "limits.loss = 100" in end["reason"]
    assert labels(outcome) == ["base", "tuned"]


def test_early_stopping_keeps_the_best_checkpoint(carried: Carry) -> None:
    outcome = carried(
        training__max_steps=60, training__learning_rate=1.0, training__warmup_ratio=0.0, evaluation__every=2,
        evaluation__patience=2, checkpoints__every="end", checkpoints__keep=1, training__max_grad_norm=0.0,
    )  # fmt: skip
    end = ended(outcome)
    during = {record["step"]: record["loss"] for record in outcome.records("eval") if record["label"] == "during"}
    best = min(during, key=lambda step: during[step])
    assert end["step"] == max(during) < 60 and max(during) - best == 4
    lowest = f"{during[best]:.4f}" if during[best] < 10 else f"{during[best]:.2f}"
    assert end["reason"].startswith("no lower held-out loss for 2 evaluations; the lowest, ")
    assert f"{lowest}, was at step {best} and its checkpoint is kept: stopped after step" in end["reason"]
    assert [record["id"] for record in outcome.records("alert")] == ["early-stop"]
    assert [one.step for one in checkpoints.listing(outcome.run)] == [best, end["step"]]


def test_a_run_at_its_end_is_finished_whatever_the_limits(carried: Carry) -> None:
    outcome = carried(training__max_steps=1, limits__hours=1e-9)
    assert (outcome.code, outcome.reason) == (0, None)


def test_a_healthy_run_ends_without_an_alert(carried: Carry) -> None:
    outcome = carried(training__max_steps=20, evaluation__patience=3, evaluation__every=5)
    assert outcome.code == 0 and not outcome.records("alert")
    assert outcome.records("end")[-1]["cause"] is None
