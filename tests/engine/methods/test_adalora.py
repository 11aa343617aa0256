"""AdaLoRA in training: its penalty counts, its ranks are cut to the target and stay, whatever becomes of the run."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftConfig
from safetensors.torch import load_file

from tests.engine.live import fork, says
from tests.engine.loop.test_resume import LENGTH, amend, assignments, cut_off_after
from tests.engine.support import Carry, Outcome, make_model
from tuitune.engine.methods import adapt
from tuitune.engine.methods.adalora import AdaLora
from tuitune.engine.worker import carry_out
from tuitune.recipe.overrides import apply, with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create

ADALORA: dict[str, Any] = {
    **LENGTH, "adapter__method": "adalora", "adapter__initial_rank": 6, "adapter__target_rank": 4,
    "adapter__cut_every": 2, "adapter__dropout": 0.1, "training__accumulation": 2, "training__max_grad_norm": 0.0,
}  # fmt: skip
LAYERS = 8  # q, k, v and o of two layers


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Path, chats: Path) -> Outcome:
    """A run of eight steps: ranks are cut after steps 2 and 4, and settled after 6."""
    values = {**ADALORA, "model__id": str(tiny), "data__train": str(chats), "data__max_length": 64,
              "training__batch_size": 2}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUITUNE_HOME", str(tmp_path_factory.mktemp("home")))
        run = create(apply(Recipe(), assignments(values)))
        return Outcome(run, carry_out(run.path))


def ranks(folder: Path) -> list[int]:
    weights = load_file(folder / "adapter_model.safetensors")
    return [len(weight) for name, weight in weights.items() if name.endswith("lora_E")]


def test_the_result_has_the_target_rank_on_average(whole: Outcome) -> None:
    assert whole.code == 0, whole.reason
    assert sum(ranks(whole.run.adapter)) == 4 * LAYERS and set(ranks(whole.run.adapter)) != {4}
    assert ranks(whole.run.checkpoints / "step-000008") == [6] * LAYERS
    assert whole.records("artefact")[0]["reload_difference"] < 1e-5
    assert PeftConfig.from_pretrained(whole.run.adapter).total_step == 8
    losses = {record["label"]: record["loss"] for record in whole.records("eval")}
    assert losses["tuned"] < losses["base"]


def test_the_penalty_is_that_of_peft() -> None:
    """PEFT adds it to the loss that a model computes by itself."""
    recipe = with_values(Recipe(), {"adapter.method": "adalora", "adapter.orthogonality": 3.0})
    adapted = adapt(SimpleNamespace(model=make_model(), commit=None), recipe, 10)  # type: ignore[arg-type]
    ids = torch.arange(12)[None]
    theirs = adapted.model(input_ids=ids, labels=ids).loss - adapted.model.base_model.model(ids, labels=ids).loss
    ours = adapted.penalty()
    assert ours is not None and ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_the_penalty_counts_once_a_step_and_not_in_the_loss_that_is_shown(
    carried: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []
    penalty = AdaLora.penalty

    def spy(self: AdaLora) -> Any:
        found.append(math.nan if (told := penalty(self)) is None else told.item())
        return told

    monkeypatch.setattr(AdaLora, "penalty", spy)
    changes = {"adapter__dropout": 0.0, "training__max_steps": 3, "checkpoints__every": "end"}
    strict = carried(**{**ADALORA, **changes, "adapter__orthogonality": 100.0})
    assert strict.code == 0, strict.reason
    assert len(found) == 3 and found[-1] < found[0]
    free = carried(**{**ADALORA, **changes, "adapter__orthogonality": 0.0})
    assert strict.losses[0] == free.losses[0]
    assert strict.records("step")[0]["grad_norm"] > free.records("step")[0]["grad_norm"]


def test_a_run_stopped_before_its_ranks_are_settled_keeps_all_of_them(prepared: Any) -> None:
    stopped = fork(prepared(**ADALORA), at=says("step 5 ")).end()
    assert stopped.code == 3, stopped.reason
    assert ranks(stopped.run.adapter) == [6] * LAYERS
    assert PeftConfig.from_pretrained(stopped.run.adapter).rank_pattern is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("saved_at", "steps"),
    [(7, 12), (7, 10), (5, 6), (1, 4)],
    ids=["longer once they were settled", "settled again at the next step", "shorter: settled late", "all in one step"],
)
def test_a_run_of_another_length_ends_with_the_target_rank(whole: Outcome, saved_at: int, steps: int) -> None:
    run = cut_off_after(saved_at, whole.run, f"cut-{saved_at}-{steps}")
    amend(run, training__max_steps=steps, training__schedule="constant")
    resumed = Outcome(run, carry_out(run.path))
    assert resumed.code == 0, resumed.reason
    (record,) = resumed.records("resumed")
    assert not record["exact"] and any("cuts of ranks" in reason for reason in record["reasons"])
    assert sum(ranks(run.adapter)) == 4 * LAYERS
    assert resumed.records("artefact")[0]["reload_difference"] < 1e-5


def test_a_step_that_was_skipped_tells_nothing_of_importance(carried: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under a gradient scaler, which skips steps whose gradients are not finite."""
    stepped = AdaLora.stepped

    def overflowing(self: AdaLora, step: int) -> None:
        if step == 3:
            next(weight for weight in self.model.parameters() if weight.requires_grad).grad.fill_(math.inf)
        stepped(self, step)

    monkeypatch.setattr(AdaLora, "stepped", overflowing)
    outcome = carried(**ADALORA)
    assert outcome.code == 0, outcome.reason
    assert sum(ranks(outcome.run.adapter)) == 4 * LAYERS


def test_a_checkpoint_without_what_is_known_of_the_ranks_is_refused(whole: Outcome) -> None:
    run: Run = cut_off_after(4, whole.run, "cut-bare")
    for checkpoint in run.checkpoints.glob("step-*"):
        (checkpoint / "rank_allocator.safetensors").unlink()
    assert Outcome(run, carry_out(run.path)).records("resumed")[-1]["step"] == 0
