"""Every method from its start to its result: untrained it changes nothing, and its result on the base is the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.engine.support import Carry, Outcome, save_model
from tuitune.engine.result import artefact
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.targets import trainable_parameters
from tuitune.runs.store.directory import read_recipe

METHODS: dict[str, dict[str, Any]] = {
    "lora+": {"lora_plus": 8.0, "init": "gaussian"},
    "pissa": {"init": "pissa", "rslora": True, "dropout": 0.0},
    "olora": {"init": "olora", "dropout": 0.0},
    "layers": {"layers": "1-1", "targets": "all-linear"},
    "adalora": {"method": "adalora", "cut_every": 1},
    "ia3": {"method": "ia3", "targets": ["k_proj", "v_proj", "down_proj"]},
}
LENGTH = {"training__max_steps": 4, "training__learning_rate": 0.02, "training__warmup_ratio": 0.0}


@pytest.fixture
def last_logits(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The logits of probes: of the bare base first, of the trained model as last but one."""
    found: list[torch.Tensor] = []
    probe = artefact.probe
    monkeypatch.setattr(artefact, "probe", lambda *given: found.append(probe(*given)) or found[-1])
    return found


def comes_out_right(outcome: Outcome, model: Path, logits: list[torch.Tensor]) -> None:
    assert outcome.code == 0, outcome.reason
    (plan,) = outcome.records("plan")
    assert plan["trainable_parameters"] == trainable_parameters(read_recipe(outcome.run), read_facts(model))
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    ids = torch.arange(32)[None]
    with torch.no_grad():
        untouched = base(input_ids=ids).logits
        loaded = PeftModel.from_pretrained(base, outcome.run.adapter)(input_ids=ids).logits
    assert (logits[0] - untouched).abs().max() < 1e-4, "an untrained adapter changes nothing"
    assert (logits[-2] - loaded).abs().max() < 1e-4, "the result on the base is the trained model"
    assert (loaded - untouched).abs().max() > 1e-3, "it has learned something"
    losses = {record["label"]: record["loss"] for record in outcome.records("eval")}
    assert losses["tuned"] < losses["base"] and math.isfinite(losses["tuned"])


def carry(carried: Carry, name: str, model: Path) -> Outcome:
    return carried(model__id=str(model), **LENGTH, **{f"adapter__{key}": one for key, one in METHODS[name].items()})


@pytest.mark.parametrize("name", METHODS)
def test_a_method_comes_out_right(carried: Carry, name: str, tiny: Path, last_logits: list[torch.Tensor]) -> None:
    comes_out_right(carry(carried, name, tiny), tiny, last_logits)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["qwen3", "gemma2", "phi3"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_comes_out_right_on_every_architecture(
    carried: Carry, name: str, kind: str, tmp_path: Path, last_logits: list[torch.Tensor]
) -> None:
    model = save_model(tmp_path / kind, kind)
    comes_out_right(carry(carried, name, model), model, last_logits)
