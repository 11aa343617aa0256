"""Every method from its start to its result, on every architecture: untrained it changes nothing, a later life goes on
to the bit, and its result on the base is the model that was trained.
"""

from __future__ import annotations

import math
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.engine.loop.test_resume import assert_same, cut_off_after
from tests.engine.methods.small import WORKING, evaluated, has_learned, small
from tests.engine.support import Carry, Outcome, save_model
from tuitune.engine.methods.layers import patterns_read_elsewhere
from tuitune.engine.result import artefact
from tuitune.engine.worker import carry_out
from tuitune.hardware.model_facts import read_facts
from tuitune.methods import FIRST_CLASS, METHODS, TUNERS
from tuitune.methods.lora import ADAPTER
from tuitune.planning.targets import trainable_parameters
from tuitune.runs.store.directory import read_recipe

ARCHITECTURES = ("llama", "qwen3", "gemma2", "phi3", "qwen3_moe")
ALIKE = {name: {"method": name} for name in FIRST_CLASS}
"""Every method with settings of its own, as it is by default."""

BY_OPTIONS = {name: small(name) for name in TUNERS if name in WORKING}

VARIANTS: dict[str, dict[str, Any]] = {
    "pissa": {"init": "pissa", "rslora": True, "dropout": 0.0, "rank_pattern": {"q_proj": 6}},
    "layers": {"layers": "1-1", "targets": "all-linear"},
    "ranks, tokens": {
        "init": "orthogonal", "rank_pattern": {"o_proj": 2}, "alpha_pattern": {"o_proj": 4},
        "trainable_tokens": ["<|end|>", "<|user|>"],
    },
    "both ends": {"init": "eva", "modules_to_save": "both"},
    "the last layer": {"method": "none", "layers": "last 1", "freeze_embeddings": True},
}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "lora+": {"lora_plus": 8.0, "init": "gaussian"},
    "olora": {"init": "olora", "dropout": 0.0, "trainable_tokens": ["<|end|>"]},
    "dora": {"dora": True, "bias": "all", "init": "eva"},
    "adalora, every layer": {"method": "adalora", "targets": "all-linear", "cut_every": 1},
    "ia3, the feed-forward": {"method": "ia3", "targets": ["k_proj", "v_proj", "down_proj"]},
    "the first layer, and the ends": {"method": "none", "layers": "0"},
}
EVERY = {**ALIKE, **VARIANTS, **MORE, **BY_OPTIONS}
EXPERTS = {"targets": ["q_proj", "gate_proj", "up_proj", "down_proj"], "dropout": 0.0}
RATES = {"none": 1e-3}
REFUSED = {("trainable_tokens", "gemma2"), ("prefix", "qwen3_moe")}
"""The head is the matrix of the embeddings there (tests/engine/jobs/test_tuners.py); it is a mixture
(tests/planning/checks/test_remedies.py).
"""
LENGTH = {
    "training__max_steps": 4, "training__warmup_ratio": 0.0, "checkpoints__every": 2, "checkpoints__keep": 9,
}  # fmt: skip


@pytest.fixture
def last_logits(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The logits of probes: of the untrained model first, of the trained one next."""
    found: list[torch.Tensor] = []
    probe = artefact.probe
    monkeypatch.setattr(artefact, "probe", lambda *given: found.append(probe(*given)) or found[-1])
    return found


def comes_out_right(outcome: Outcome, model: Path, logits: list[torch.Tensor]) -> None:
    assert outcome.code == 0, outcome.reason
    (plan,) = outcome.records("plan")
    recipe = read_recipe(outcome.run)
    counted = trainable_parameters(recipe, read_facts(model))
    assert plan["trainable_parameters"] == counted or (counted is None and recipe.method.is_tuner)
    ids, result = torch.arange(32)[None], outcome.run.path / recipe.method.result.folder
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    with torch.no_grad():
        untouched = base(input_ids=ids).logits
        adapted = recipe.method.result == ADAPTER
        used = PeftModel.from_pretrained(base, result) if adapted else type(base).from_pretrained(result)
        loaded = used(input_ids=ids).logits
    starts = recipe.method.starts(recipe.adapter)
    assert starts or (logits[0] - untouched).abs().max() < 1e-4, "untrained it changes nothing"
    assert not adapted or (logits[-2] - loaded).abs().max() < 1e-4, "the result on the base is the trained model"
    assert (loaded[:, -32:] - untouched).abs().max() > 1e-3, "it has learned something"
    assert has_learned(outcome, recipe.adapter.method) and math.isfinite(outcome.records("eval")[-1]["loss"])


def goes_on_exactly(outcome: Outcome) -> None:
    cut = Outcome(run := cut_off_after(2, outcome.run, "cut"), carry_out(run.path))
    assert cut.code == 0, cut.reason
    (record,) = cut.records("resumed")
    assert (record["step"], record["exact"]) == (2, True), record["reasons"]
    assert_same(outcome.run, run)


def carry(carried: Carry, model: Path, **adapter: Any) -> Outcome:
    name = adapter.get("method", "lora")
    rate, packing = RATES.get(name, 0.02), not METHODS[name].support.packing
    settings = {f"adapter__{key}": one for key, one in adapter.items()}
    return carried(
        model__id=str(model),
        training__learning_rate=rate,
        data__packing=packing,
        **LENGTH,
        **evaluated(name),
        **settings,
    )


@pytest.mark.parametrize("name", [*ALIKE, *VARIANTS, "vera"])
def test_a_method_comes_out_right(
    carried: Carry, name: str, tiny: Path, last_logits: list[torch.Tensor], recwarn: pytest.WarningsRecorder
) -> None:
    outcome = carry(carried, tiny, **EVERY[name])
    assert not ignored_by_peft(recwarn)
    comes_out_right(outcome, tiny, last_logits)


def ignored_by_peft(warned: pytest.WarningsRecorder) -> list[str]:
    return [text for one in warned if "did not match" in (text := str(one.message))]


def test_ranks_that_peft_does_ignore_are_said(recwarn: pytest.WarningsRecorder) -> None:
    said = "The following rank_pattern keys did not match any targeted module and were ignored: {}."
    with patterns_read_elsewhere():
        for keys in ([r".*\.gate_up_proj"], ["model.layers.0.q_proj.lora_E"], ["q_prj"], ["q_prj", r".*\.down_proj"]):
            warnings.warn(said.format(keys), RuntimeWarning, stacklevel=1)
    first, second = ignored_by_peft(recwarn)
    assert "q_prj" in first and "q_prj" in second


def test_adapted_experts_go_on_exactly(
    carried: Carry, tmp_path: Path, last_logits: list[torch.Tensor], recwarn: pytest.WarningsRecorder
) -> None:
    model = save_model(tmp_path / "qwen3_moe", "qwen3_moe")
    outcome = carry(carried, model, **EXPERTS)
    assert not ignored_by_peft(recwarn)
    comes_out_right(outcome, model, last_logits)
    goes_on_exactly(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [pair for pair in product(EVERY, ARCHITECTURES) if pair not in REFUSED])
def test_a_method_is_exact_on_every_architecture(
    carried: Carry, name: str, kind: str, tmp_path: Path, last_logits: list[torch.Tensor]
) -> None:
    sees_all = {"sliding_window": 512} if kind == "phi3" and name in ("prompt", "ptuning", "prefix") else {}
    model, settings = save_model(tmp_path / kind, kind, **sees_all), dict(EVERY[name])
    if kind == "qwen3_moe" and "down_proj" in settings.get("targets", ()):
        settings["targets"] = ["k_proj", "v_proj"]  # the feed-forward is experts
    outcome = carry(carried, model, **settings)
    comes_out_right(outcome, model, last_logits)
    goes_on_exactly(outcome)
