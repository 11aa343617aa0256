"""Preferences trained from rows to result: what is measured, and that every way through a run comes to the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.loop.test_resume import amend, cut_off_after
from tests.engine.objectives.support import (
    carried_on,
    carrying,
    comes_to_the_same_killed_and_paused,
    goes_on_exactly,
    metrics,
)
from tests.engine.support import Carry, Outcome
from tuitune.metrics import COMMON
from tuitune.objectives.dpo import DPO
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, create

OWN = [metric.key for metric in DPO.metrics]
HELD_OUT = [metric.key for metric in DPO.metrics if metric.held_out]
LENGTH: dict[str, Any] = {
    "objective__kind": "dpo", "data__max_length": 96, "training__max_steps": 6, "training__accumulation": 2,
    "training__learning_rate": 0.01, "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100,
    "evaluation__every": 3, "data__eval": 0.2,
}  # fmt: skip


@pytest.fixture
def preferring(prepared: Callable[..., Run], pairs: Path) -> Callable[..., Run]:
    """Makes a run of preferences."""
    return lambda **settings: prepared(**{**LENGTH, "data__train": str(pairs), **settings})


@pytest.fixture
def carried_out(preferring: Callable[..., Run]) -> Carry:
    return carrying(preferring)


def test_it_learns_what_is_preferred_and_says_so_in_its_own_figures(carried_out: Carry) -> None:
    done = carried_out(training__max_steps=12, adapter__dropout=0.0, training__warmup_ratio=0)
    assert done.code == 0, done.reason
    first, *_, last = done.records("step")
    assert math.isclose(first["loss"], math.log(2), rel_tol=1e-5) and first["rewards/margins"] == 0
    assert last["loss"] < 0.5 and last["rewards/margins"] > 0.3 and last["rewards/accuracies"] == 1
    assert last["rewards/margins"] == pytest.approx(last["rewards/chosen"] - last["rewards/rejected"], rel=1e-4)
    base, *_, tuned = done.records("eval")
    assert math.isclose(base["loss"], math.log(2), rel_tol=1e-6) and base["rewards/margins"] == 0
    assert "rewards/accuracies" not in base, "the reference prefers nothing, so it is not wrong"
    assert {key for key in HELD_OUT if key in tuned} == {*HELD_OUT} and tuned["rewards/accuracies"] == 1
    assert tuned["perplexity"] is None and summarize(done.run).perplexity == {"base": None, "tuned": None}
    said = done.run.log_file.read_text() if done.run.log_file.exists() else ""
    card = (done.run.adapter / "README.md").read_text()
    assert "erplexity" not in card + said and "reward accuracy" in card and "β 0.1" in card
    assert {metric.key for metric in COMMON} <= {*last}


def test_a_row_counts_both_its_answers(carried_out: Carry, pairs: Path) -> None:
    done = carried_out(training__max_steps=2, training__accumulation=1, data__eval="", data__shuffle=False)
    plan, (first, second) = done.records("plan")[-1], done.records("step")
    assert plan["train_rows"] == 40 and plan["steps_per_epoch"] == 20
    assert 0 < first["tokens"] < second["tokens"] < plan["train_tokens"] / 10


@pytest.mark.slow
def test_accumulated_batches_are_as_good_as_one(carried_out: Carry) -> None:
    """The mean over the pairs of a step, however they are parted."""
    settings = {"training__max_steps": 2, "adapter__dropout": 0.0, "data__eval": "", "training__warmup_ratio": 0}
    parted = carried_out(**settings, training__batch_size=2, training__accumulation=2)
    whole = carried_out(**settings, training__batch_size=4, training__accumulation=1)
    for one, other in zip(parted.records("step"), whole.records("step"), strict=True):
        for key in ("loss", "grad_norm", *OWN):
            assert one[key] == pytest.approx(other[key], rel=1e-3, abs=1e-5), key


OTHER_LOSSES = {"objective__loss": "ipo", "objective__sft_weight": 1.0, "objective__ld_alpha": 0.5}


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"training__log_every": 3}, 4, id="between two records"),
        pytest.param(
            {"adapter__method": "none", "training__learning_rate": 1e-3}, 3, id="every weight", marks=pytest.mark.slow
        ),
        pytest.param(OTHER_LOSSES, 3, id="other losses", marks=pytest.mark.slow),
        pytest.param(
            {"training__gradient_checkpointing": True, "training__workers": 1}, 2,
            id="recomputed, with workers", marks=pytest.mark.slow,
        ),
        pytest.param({"quantization__bits": 4}, 3, id="4 bits", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_run_goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried_out, settings, step)


@pytest.mark.slow
def test_a_killed_run_and_a_paused_one_come_to_the_same(carried_out: Carry, preferring: Callable[..., Run]) -> None:
    comes_to_the_same_killed_and_paused(carried_out().run, preferring())


@pytest.mark.slow
def test_with_half_the_batch_it_goes_on_with_the_same_pairs(carried_out: Carry) -> None:
    """What a retry does where memory ran out: twice the accumulation."""
    settings = {"adapter__dropout": 0.0, "data__eval": "", "training__batch_size": 4, "training__accumulation": 1}
    whole = carried_out(**settings)
    cut = cut_off_after(3, whole.run, "cut")
    amend(cut, training__batch_size=2, training__accumulation=2)
    resumed = carried_on(cut)
    (record,) = resumed.records("resumed")
    assert (resumed.code, record["exact"]) == (0, False) and "the same rows" in " ".join(record["reasons"])
    for one, other in zip(metrics(whole.run), metrics(cut), strict=True):
        assert one == pytest.approx(other, rel=0.01, abs=0.01)


@pytest.mark.slow
def test_early_stopping_goes_by_the_held_out_loss(carried_out: Carry) -> None:
    done = carried_out(
        training__max_steps=30, training__learning_rate=0.5, evaluation__every=1, evaluation__patience=2,
        evaluation__answers=2, training__max_grad_norm=0.0,
    )  # fmt: skip
    assert done.code in (0, 3), done.reason
    assert len(done.records("step")) < 30
    assert {record["label"] for record in done.records("answers")} == {"base", "tuned"}


@pytest.mark.slow
def test_another_beta_is_another_measure(carried_out: Carry) -> None:
    """Held-out figures of another objective are not compared."""
    whole = carried_out(training__max_steps=3)
    cut = cut_off_after(2, whole.run, "cut")
    amend(cut, objective__beta=0.3)
    resumed = carried_on(cut)
    (record,) = resumed.records("resumed")
    assert not record["exact"] and any("objective.beta" in reason for reason in record["reasons"])
    bases = {evaluation["basis"] for evaluation in resumed.records("eval")}
    assert len(bases) == 2, resumed.records("eval")


@pytest.mark.slow
@pytest.mark.parametrize("loss", setting("objective.loss").choices)
def test_every_loss_tells_pairs_apart(carried_out: Carry, loss: str) -> None:
    beta = 5.0 if loss == "sigmoid_norm" else 0.1
    done = carried_out(objective__loss=loss, objective__beta=beta, training__max_steps=20, evaluation__every="end")
    assert done.code == 0, done.reason
    assert done.records("eval")[-1]["rewards/margins"] > 0.1


@pytest.mark.slow
def test_adalora_learns_preferences_and_goes_on_exactly(carried_out: Carry) -> None:
    goes_on_exactly(carried_out, {"adapter__method": "adalora", "adapter__cut_from": 0.0, "adapter__cut_every": 1}, 4)


@pytest.mark.slow
def test_the_bundled_preferences_teach_the_bundled_model(home: Path) -> None:
    """What docs/training.md says to run: pairs are told apart, by higher rewards of the chosen answers too."""
    from tuitune.engine.worker import carry_out

    wanted = {"data.train": "bundled:preferences", "objective.kind": "dpo", "training.max_steps": 40}
    run = create(with_values(Recipe(), wanted))
    done = Outcome(run, carry_out(run.path))
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert tuned["loss"] < 0.5 * base["loss"]
    assert tuned["rewards/margins"] > 1 and tuned["rewards/accuracies"] > 0.95 and tuned["rewards/chosen"] > 0
