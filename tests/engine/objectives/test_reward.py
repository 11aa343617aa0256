"""Reward models trained from rows to result: scores that tell answers apart, kept with the result, and used as told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.objectives.support import carrying, comes_to_the_same_killed_and_paused, goes_on_exactly
from tests.engine.support import Carry, Outcome
from tuitune.engine.objectives.reward import RewardModelTrainer
from tuitune.engine.result import artefact
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.usage import usage
from tuitune.runs.store.directory import Run, create, read_recipe

LENGTH: dict[str, Any] = {
    "objective__kind": "reward", "data__max_length": 96, "training__max_steps": 6, "training__accumulation": 2,
    "training__learning_rate": 0.01, "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100,
    "evaluation__every": 3, "data__eval": 0.2,
}  # fmt: skip


@pytest.fixture
def scoring(prepared: Callable[..., Run], pairs: Path) -> Callable[..., Run]:
    """Makes a run of a reward model."""
    return lambda **settings: prepared(**{**LENGTH, "data__train": str(pairs), **settings})


@pytest.fixture
def carried_out(scoring: Callable[..., Run]) -> Carry:
    return carrying(scoring)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="adapter"),
        pytest.param(
            {"adapter__method": "none", "training__learning_rate": 1e-3}, id="every weight", marks=pytest.mark.slow
        ),
    ],
)
def test_better_answers_get_higher_scores_and_its_result_gives_them(
    carried_out: Carry, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    done = carried_out(training__max_steps=12, adapter__dropout=0.0, samples__prompts=["Hello"], **settings)
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert not {"accuracy", "margin"} & base.keys(), "a head that has learned nothing is right by chance"
    assert tuned["accuracy"] == 1 and tuned["margin"] > 0.5 and tuned["loss"] < 0.8 * base["loss"]
    assert tuned["perplexity"] is None and not done.samples
    planned = check(read_recipe(done.run), base=Path(), gpus=[])
    assert not planned.errors
    plan = done.records("plan")[-1]
    assert (planned.trainable, planned.total) == (plan["trainable_parameters"], plan["total_parameters"])
    card = (done.run.path / ("model" if settings else "adapter") / "README.md").read_text()
    assert "AutoModelForSequenceClassification" in card and "accuracy" in card and "text-classification" in card
    script = usage(done.run, read_recipe(done.run).model_dump(mode="json"))
    script = script.replace("Hello! How can I help you?", "Order 7 is late.").replace("No.", "Ask 7 others, not me.")
    script = script.replace("'Hello'", "'Where is order 7? please '")
    capsys.readouterr()
    exec(script, {})
    better, worse = (float(line.split()[0]) for line in capsys.readouterr().out.splitlines())
    assert better > worse + 0.5


def test_its_scores_are_used_as_they_were_trained(
    carried_out: Carry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a base in bfloat16, with the head in float32."""
    trained: list[Tensor] = []
    probe = artefact.probe
    monkeypatch.setattr(artefact, "probe", lambda *given: trained.append(probe(*given)) or trained[-1])
    done = carried_out(training__precision="bf16", adapter__dropout=0.0)
    assert done.code == 0, done.reason
    names: dict[str, Any] = {}
    exec(usage(done.run, read_recipe(done.run).model_dump(mode="json")), names)
    assert names["base"].dtype == torch.bfloat16
    tokens = torch.arange(32)
    rows = torch.stack([tokens.roll(turned) for turned in range(len(trained[-1]))])
    with torch.no_grad():
        scores = names["model"](input_ids=rows, use_cache=False).logits
    assert scores.dtype == torch.float32 and (scores - trained[-1]).abs().max() < 1e-4


def test_lowest_and_highest_score_are_those_of_all_answers(carried_out: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    lowest: list[float] = []
    learned = RewardModelTrainer.compute_loss

    def spy(self: Any, *given: Any, **named: Any) -> Any:
        loss = learned(self, *given, **named)
        lowest.append(self._metrics["train"]["min_reward"][-1])
        return loss

    monkeypatch.setattr(RewardModelTrainer, "compute_loss", spy)
    done = carried_out(training__log_every=3, data__eval="", evaluation__every="end")
    told = [step["min_reward"] for step in done.records("step")]
    assert len(lowest) == 12 and told == [min(lowest[:6]), min(lowest[6:])] and told[0] < sum(lowest[:6]) / 6


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"training__log_every": 3}, 4, id="between two records", marks=pytest.mark.slow),
        pytest.param(
            {"adapter__method": "none", "training__learning_rate": 1e-3}, 3, id="every weight", marks=pytest.mark.slow
        ),
        pytest.param(
            {"objective__centring": 0.01, "training__gradient_checkpointing": True}, 2,
            id="centred, recomputed", marks=pytest.mark.slow,
        ),
        pytest.param({"quantization__bits": 4}, 3, id="4 bits", marks=pytest.mark.slow),
        pytest.param({"adapter__method": "ia3", "adapter__targets": ["k_proj"]}, 3, id="ia3", marks=pytest.mark.slow),
        pytest.param(
            {"adapter__method": "adalora", "adapter__cut_from": 0.0, "adapter__cut_every": 1}, 4,
            id="adalora", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_a_run_goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried_out, settings, step)


@pytest.mark.slow
def test_a_killed_run_and_a_paused_one_come_to_the_same(carried_out: Carry, scoring: Callable[..., Run]) -> None:
    comes_to_the_same_killed_and_paused(carried_out().run, scoring())


@pytest.mark.slow
def test_centred_scores_stay_around_zero(carried_out: Carry) -> None:
    settings = {"training__max_steps": 30, "evaluation__every": "end"}
    free, centred = (carried_out(**settings, **more) for more in ({}, {"objective__centring": 1.0}))
    assert abs(centred.records("step")[-1]["mean_reward"]) < 0.5
    assert free.records("eval")[-1]["margin"] > centred.records("eval")[-1]["margin"]


@pytest.mark.slow
def test_the_bundled_preferences_make_a_reward_model_of_the_bundled_model(home: Path) -> None:
    """What docs/training.md says to run."""
    from tuitune.engine.worker import carry_out

    wanted = {"data.train": "bundled:preferences", "objective.kind": "reward", "training.max_steps": 40}
    run = create(with_values(Recipe(), wanted))
    done = Outcome(run, carry_out(run.path))
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert tuned["loss"] < 0.75 * base["loss"] and tuned["accuracy"] > 0.8 and tuned["margin"] > 0.3
