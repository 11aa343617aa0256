"""orpo and simpo from rows to result: losses as of trl's own trainers, and every way through comes to the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
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
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create

KINDS = ("orpo", "simpo")
LENGTH: dict[str, Any] = {
    "data__max_length": 96, "training__max_steps": 6, "training__accumulation": 2, "training__learning_rate": 0.01,
    "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100, "evaluation__every": 3,
    "data__eval": 0.2,
}  # fmt: skip


@pytest.fixture
def preferring(prepared: Callable[..., Run], pairs: Path) -> Callable[..., Run]:
    """Makes a run on pairs."""
    return lambda **settings: prepared(**{**LENGTH, "data__train": str(pairs), **settings})


@pytest.fixture
def carried_out(preferring: Callable[..., Run]) -> Carry:
    return carrying(preferring)


def loss_of_trl(trainer: Any, model: Any, batch: dict[str, Any]) -> float:
    """By the experimental trainers' own functions, over all logits; of orpo's prompt nothing is learned, as here."""
    import torch
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    chosen, rejected = ORPOTrainer.get_batch_logps(logits, labels, average_log_prob=True).chunk(2)
    settings = SimpleNamespace(
        beta=trainer.beta, accelerator=trainer.accelerator, alpha=0.0, loss_type="simpo", label_smoothing=0.0,
        simpo_gamma=trainer.wanted.gamma,
    )  # fmt: skip
    if trainer.objective.name == "orpo":
        losses = -chosen - ORPOTrainer.odds_ratio_loss(settings, chosen, rejected)[0]
    else:
        losses = CPOTrainer.cpo_loss(settings, chosen, rejected)[0] - trainer.wanted.sft_weight * chosen
    return float(losses.mean())


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("orpo", {}), pytest.param("simpo", {"objective__sft_weight": 0.5}, marks=pytest.mark.slow)],
)
def test_it_learns_what_is_preferred_by_the_loss_of_trl(
    carried_out: Carry, monkeypatch: pytest.MonkeyPatch, kind: str, settings: dict[str, Any]
) -> None:
    from tuitune.engine.objectives.averaged import AveragedTrainer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    losses: list[tuple[float, float]] = []
    original = AveragedTrainer.compute_loss

    def listening(self: Any, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        theirs = loss_of_trl(self, model, inputs)
        ours = original(self, model, inputs, *rest, **named)
        losses.append((ours.item(), theirs))
        return ours

    monkeypatch.setattr(AveragedTrainer, "compute_loss", listening)
    values = {"objective__kind": kind, "training__max_steps": 12, "adapter__dropout": 0.0, "training__warmup_ratio": 0}
    done = carried_out(**values, **settings)
    assert done.code == 0, done.reason
    assert len(losses) == 24 and all(ours == pytest.approx(theirs, rel=1e-4) for ours, theirs in losses)
    base, *_, tuned = done.records("eval")
    assert {"rewards/accuracies", "rewards/margins", "nll_loss"} <= base.keys(), "without a reference the base prefers"
    assert tuned["loss"] < base["loss"] and tuned["rewards/margins"] > base["rewards/margins"]
    assert tuned["rewards/accuracies"] == 1 and tuned["nll_loss"] < base["nll_loss"] and tuned["perplexity"] is None
    last = done.records("step")[-1]
    assert {"rewards/margins", "rewards/accuracies", "nll_loss"} <= last.keys()
    assert ("log_odds_chosen" in last) == (kind == "orpo")
    card = (done.run.adapter / "README.md").read_text()
    assert ("β 0.1" if kind == "orpo" else "β 2.0, γ 1.0") in card and "loss of chosen" in card


def test_the_odds_of_what_is_all_but_certain_are_finite() -> None:
    import torch

    from tuitune.engine.objectives.averaged import log_odds

    means = torch.tensor([0.0, -1e-9, -0.5, -30.0], requires_grad=True)
    odds = log_odds(means)
    odds.sum().backward()
    assert odds.isfinite().all() and means.grad is not None and means.grad.isfinite().all()
    assert odds[2].item() == pytest.approx(0.43274, abs=1e-4) and odds[3].item() == pytest.approx(-30)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_accumulated_batches_are_as_good_as_one(carried_out: Carry, kind: str) -> None:
    settings = {
        "objective__kind": kind, "training__max_steps": 2, "adapter__dropout": 0.0, "data__eval": "",
        "training__warmup_ratio": 0,
    }  # fmt: skip
    parted = carried_out(**settings, training__batch_size=2, training__accumulation=2)
    whole = carried_out(**settings, training__batch_size=4, training__accumulation=1)
    for one, other in zip(parted.records("step"), whole.records("step"), strict=True):
        for key in ("loss", "grad_norm", "rewards/margins", "rewards/accuracies", "nll_loss"):
            assert one[key] == pytest.approx(other[key], rel=1e-3, abs=1e-5), key


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"training__log_every": 3}, 4, id="between two records"),
        pytest.param({"adapter__method": "none", "training__learning_rate": 1e-3}, 3, id="every weight"),
        pytest.param({"training__gradient_checkpointing": True, "training__workers": 1}, 2, id="recomputed, workers"),
        pytest.param({"quantization__bits": 4}, 3, id="4 bits"),
    ],
)  # fmt: skip
def test_a_run_goes_on_exactly(carried_out: Carry, kind: str, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried_out, {"objective__kind": kind, **settings}, step)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_and_a_paused_one_come_to_the_same(
    carried_out: Carry, preferring: Callable[..., Run], kind: str
) -> None:
    comes_to_the_same_killed_and_paused(carried_out(objective__kind=kind).run, preferring(objective__kind=kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_with_half_the_batch_it_goes_on_with_the_same_pairs(carried_out: Carry, kind: str) -> None:
    """What a retry does where memory ran out: twice the accumulation."""
    settings = {"adapter__dropout": 0.0, "data__eval": "", "training__batch_size": 4, "training__accumulation": 1}
    whole = carried_out(objective__kind=kind, **settings)
    cut = cut_off_after(3, whole.run, "cut")
    amend(cut, training__batch_size=2, training__accumulation=2)
    resumed = carried_on(cut)
    (record,) = resumed.records("resumed")
    assert (resumed.code, record["exact"]) == (0, False) and "the same rows" in " ".join(record["reasons"])
    for one, other in zip(metrics(whole.run), metrics(cut), strict=True):
        assert one == pytest.approx(other, rel=0.01, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_bundled_preferences_teach_the_bundled_model(home: Path, kind: str) -> None:
    """What docs/objectives.md says to run."""
    from tuitune.engine.worker import carry_out

    wanted = {"data.train": "bundled:preferences", "objective.kind": kind, "training.max_steps": 40}
    run = create(with_values(Recipe(), wanted))
    done = Outcome(run, carry_out(run.path))
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert tuned["loss"] < base["loss"]
    assert tuned["rewards/margins"] > base["rewards/margins"] and tuned["rewards/accuracies"] > 0.95
