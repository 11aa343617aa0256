"""Any trainer of trl becomes durable by the mixin: whole checkpoints of ours, and an exact way on from them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.loop.durable import Durable, TrainerLife
from tuitune.engine.methods.adapted import Adapted
from tuitune.recipe.schema import Recipe
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, create

STEPS, SAVED_AT = 4, 2


class DurableDpo(Durable, DPOTrainer):
    def held_out_loss(self) -> HeldOutLoss:
        raise NotImplementedError


class Watcher(TrainerCallback):
    """Asks for one checkpoint, and remembers what the trainer tells."""

    watch = fetching = nullcontext()
    healthy, best_step = True, None

    def __init__(self) -> None:
        self.committed: list[Path] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = state.global_step == SAVED_AT
        control.should_training_stop = state.global_step == STEPS

    def state(self) -> dict[str, Any]:
        return {}

    def saved(self, checkpoint: Path, seconds: float, healthy: bool) -> None:
        self.committed.append(checkpoint)

    def save_skipped(self, reason: str) -> None:
        pytest.fail(reason)


def trainer(run: Run, model: Path, watcher: Watcher) -> DurableDpo:
    torch.manual_seed(3)
    rows = [
        {"prompt": f"Say {number}.", "chosen": f"Here is {number}.", "rejected": "No."} for number in range(STEPS * 2)
    ]
    circumstances = {"recipe": {"training.optimizer": "adamw_torch"}}
    adapter = LoraConfig(r=4, target_modules=["q_proj"], lora_dropout=0.1, task_type="CAUSAL_LM")
    adapted = Adapted(get_peft_model(AutoModelForCausalLM.from_pretrained(model), adapter))
    return DurableDpo(
        life=TrainerLife(adapted, watcher, run, keep=2, circumstances=circumstances, warm_up=lambda steps: 1),
        model=adapted.model,
        args=DPOConfig(
            output_dir=str(run.path),
            per_device_train_batch_size=2,
            max_steps=STEPS,
            learning_rate=1e-3,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            seed=3,
            disable_tqdm=True,
        ),
        processing_class=AutoTokenizer.from_pretrained(model),
        train_dataset=Dataset.from_list(rows),
        callbacks=[watcher],
    )


def trained(of: DurableDpo) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in of.model.named_parameters() if weight.requires_grad}


def test_a_preference_run_is_saved_whole_and_goes_on_exactly(home: Path, tiny: Path) -> None:
    run = create(Recipe())
    watcher = Watcher()
    whole = trainer(run, tiny, watcher)
    whole.go_on(None)
    assert whole.changed and whole.finite
    assert [one.name for one in watcher.committed] == [f"step-{SAVED_AT:06}"]
    assert not list(run.path.glob("checkpoint-*")), "trl saved one of its own"
    found, _ = checkpoints.newest(run)
    assert found is not None

    second = trainer(create(Recipe()), tiny, Watcher())
    second.go_on(found)
    assert second.state.global_step == STEPS
    again, once = trained(second), trained(whole)
    assert set(again) == set(once)
    assert all(torch.equal(again[name], weight) for name, weight in once.items())
