"""Every switch of a recipe that changes how the engine trains, tried for two steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.support import ARCHITECTURES, Carry, save_model
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe

PRESET_B = ["q_proj", "k_proj", "v_proj", "o_proj"]


@pytest.fixture
def trained_in(monkeypatch: pytest.MonkeyPatch) -> set[torch.dtype]:
    """The formats of what is trained, as found at every step."""
    from tuitune.engine.objectives.sft import SftTrainer

    found: set[torch.dtype] = set()
    original = SftTrainer.training_step

    def spy(self: SftTrainer, *rest: Any, **named: Any) -> torch.Tensor:
        found.update(weight.dtype for weight in self.model.parameters() if weight.requires_grad)
        return original(self, *rest, **named)

    monkeypatch.setattr(SftTrainer, "training_step", spy)
    return found


TOGETHER: list[dict[str, Any]] = [
    {"quantization__bits": 8, "training__optimizer": "adamw_8bit", "training__schedule": "linear"},
    {"quantization__bits": 4, "adapter__dora": True, "data__loss_on": "completion"},
    {
        "quantization__bits": 4, "quantization__kind": "fp4", "quantization__double": False,
        "adapter__rslora": True, "adapter__bias": "lora_only",
    },
    {
        "quantization__bits": 4, "training__precision": "bf16", "training__gradient_checkpointing": True,
        "training__optimizer": "paged_adamw_32bit", "training__schedule": "inverse_sqrt",
    },
    {"training__precision": "bf16", "model__attention": "eager", "data__packing": False},
    {
        "training__gradient_checkpointing": True, "model__attention": "sdpa",
        "training__optimizer": "adafactor", "training__schedule": "constant",
    },
    {"adapter__dora": True, "training__optimizer": "adamw_torch", "training__schedule": "constant_with_warmup"},
    {"adapter__bias": "all", "data__loss_on": "all", "training__accumulation": 3},
    {
        "data__packing": False, "data__shuffle": False,
        "training__optimizer": "paged_adamw_8bit", "training__schedule": "polynomial",
    },
    {
        "adapter__method": "ia3", "adapter__targets": ["k_proj", "v_proj", "down_proj"], "training__precision": "bf16",
        "training__gradient_checkpointing": True, "samples__prompts": ["Where?"], "samples__max_new_tokens": 4,
    },
    {"adapter__method": "adalora", "adapter__cut_every": 1, "training__max_steps": 4},
    {
        "training__optimizer": "sgd", "training__max_grad_norm": 0.0, "training__log_every": 2,
        "adapter__rslora": True,
    },
]  # fmt: skip
"""Every switch at least once: those that know nothing of each other together, those that touch one place apart."""


@pytest.mark.parametrize(
    "settings",
    TOGETHER,
    ids=lambda settings: "-".join(f"{key.split('__')[1]}={value}" for key, value in settings.items()),
)
def test_trains(
    carried: Carry, settings: dict[str, Any], trained_in: set[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = carried(training__learning_rate=0.01, training__warmup_ratio=0.0, **settings)
    assert outcome.code == 0, outcome.reason
    assert outcome.records("plan")[0]["dtype"] == ("bfloat16" if "training__precision" in settings else "float32")
    assert outcome.records("artefact")[0]["reload_difference"] == 0.0
    evaluations = {record["label"]: record["loss"] for record in outcome.records("eval")}
    assert evaluations["tuned"] < evaluations["base"]
    weights = load_file(outcome.run.adapter / "adapter_model.safetensors")
    assert (
        {tensor.dtype for name, tensor in weights.items() if "lora" in name or "ia3" in name}
        == trained_in
        == {torch.float32}
    )
    monkeypatch.chdir(outcome.run.adapter)
    assert used_as_its_card_says()["base"].config.vocab_size


def used_as_its_card_says() -> dict[str, Any]:
    """What the code of the card in this folder comes to."""
    names: dict[str, Any] = {}
    code = Path("README.md").read_text().split("```python\n")[1].split("```")[0]
    exec(code.replace("max_new_tokens=256", "max_new_tokens=2"), names)
    assert len(names["answer"]) <= 2
    return names


BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32


@pytest.mark.parametrize(
    ("settings", "weights", "compute", "autocast"),
    [
        ([], FP32, FP32, None),
        (["training.precision=bf16"], BF16, BF16, None),
        (["training.precision=bf16", "model.dtype=float32"], FP32, FP32, None),
        (["training.precision=bf16", "quantization.bits=4", "quantization.compute_dtype=float32"], BF16, FP32, None),
        (["training.precision=bf16", "adapter.method=none"], FP32, FP32, BF16),
        (["training.precision=bf16", "adapter.method=none", "model.dtype=bfloat16"], BF16, BF16, None),
        (["training.precision=fp16"], FP16, FP16, FP16),
        (["training.precision=fp16", "adapter.method=none"], FP32, FP32, FP16),
    ],
)
def test_number_formats(settings: list[str], weights: Any, compute: Any, autocast: Any) -> None:
    from tuitune.engine.load.device import Precision, precision

    on = torch.device("cuda" if "training.precision=fp16" in settings else "cpu")
    assert precision(apply(Recipe(), settings), on) == Precision(weights, compute, autocast)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_weight_can_be_trained(carried: Carry, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = carried(adapter__method="none", training__precision=precision, training__learning_rate=1e-3)
    assert outcome.code == 0, outcome.reason
    plan = outcome.records("plan")[0]
    assert plan["trainable_parameters"] == plan["total_parameters"] and plan["dtype"] == "float32"
    assert (outcome.run.path / "model" / "model.safetensors").is_file() and not outcome.run.adapter.exists()
    assert outcome.records("artefact")[0]["reload_difference"] == 0.0
    monkeypatch.chdir(outcome.run.path / "model")
    assert used_as_its_card_says()["model"].num_parameters() == plan["total_parameters"]


def test_evaluating_first_does_not_change_how_4_bit_weights_train(carried: Carry) -> None:
    settings = {
        "quantization__bits": 4,
        "training__precision": "bf16",
        "training__max_steps": 4,
        "evaluation__every": 1,
    }
    assert carried(**settings).losses == carried(**settings, evaluation__perplexity=False).losses


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        *((kind, "all-linear") for kind in ARCHITECTURES if kind != "llama"),
        pytest.param("qwen2", PRESET_B, marks=pytest.mark.slow),
        pytest.param("gemma2", PRESET_B, marks=pytest.mark.slow),
        ("phi3", PRESET_B),
    ],
    ids=str,
)
def test_architectures(carried: Carry, tmp_path: Path, kind: str, targets: Any) -> None:
    outcome = carried(model__id=str(save_model(tmp_path / kind, kind)), adapter__targets=targets)
    assert outcome.code == 0, outcome.reason
    assert outcome.records("plan")[0]["attention"] == "tuitune_documents"
    assert outcome.records("artefact")[0]["reload_difference"] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("targets", ["all-linear", PRESET_B], ids=["all-linear", "preset-b"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_models_of_a_tenth_of_a_billion(carried: Carry, tmp_path: Path, kind: str, targets: Any) -> None:
    size = {
        "vocab_size": 16_000, "hidden_size": 768, "intermediate_size": 2560, "num_hidden_layers": 12,
        "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 64,
        **({"moe_intermediate_size": 640} if kind == "qwen3_moe" else {}),
    }  # fmt: skip
    outcome = carried(model__id=str(save_model(tmp_path / kind, kind, **size)), adapter__targets=targets)
    assert outcome.code == 0, outcome.reason
    assert outcome.records("plan")[0]["total_parameters"] > 80e6
