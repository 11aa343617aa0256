"""The forecast against the engine's own step on fake tensors, as a GPU would run it: within 7 % at the peak.

Full widths at few layers, where what comes and goes in a layer weighs more than in a whole model; whole models are the
slow ones. r 16 on every linear layer unless said.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.planning.forecast.dry_run import peak
from tests.planning.models import MODELS
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.forecast.memory import CONTEXT, forecast
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

CHECKPOINTING = {"training__gradient_checkpointing": True}
NF4 = {"quantization__bits": 4}
DORA, DROPOUT = {"adapter__dora": True}, {"adapter__dropout": 0.05}
FP16, FP32 = {"training__precision": "fp16"}, {"training__precision": "fp32"}
ADALORA = {"adapter__method": "adalora", "adapter__initial_rank": 24}
IA3 = {"adapter__method": "ia3", "adapter__targets": ["k_proj", "v_proj", "down_proj"]}
EVERY_WEIGHT = {"adapter__method": "none"}
LAST_LAYER = EVERY_WEIGHT | {"adapter__layers": "last 1", "adapter__freeze_embeddings": True}
TOKENS = {"adapter__trainable_tokens": ["<|end|>"]}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
WITH_EXPERTS = {
    "mixtral-8x7b": {"adapter__targets": [*ATTENTION, "w1", "w2", "w3"]},
    "qwen3-30b-a3b": {"adapter__targets": [*ATTENTION, "gate_proj", "up_proj", "down_proj"]},
}
PAIRS, SCORED = {"objective__kind": "dpo"}, {"objective__kind": "reward"}
LABELLED = {"objective__kind": "kto", "training__batch_size": 2}
UNREFERENCED = {"objective__kind": "orpo"}
ON_CPU = {"gpu": False, **FP32}
OLD = {"flash": False, **FP16}
"""As on a T4: float16, and no flash attention."""

ONE = {
    "training__batch_size": 1, "training__accumulation": 1, "training__precision": "bf16", "data__max_length": 2048,
    "adapter__targets": "all-linear", "adapter__rank": 16, "adapter__dropout": 0.0,
}  # fmt: skip


def off_by(model: str, layers: int | None, *, gpu: bool = True, flash: bool = True, **values: Any) -> float:
    """How far the forecast without the context is from the dry run, as a share of it."""
    config = MODELS[model] if layers is None else {**MODELS[model], "num_hidden_layers": layers}
    recipe = with_values(Recipe(), {key.replace("__", "."): value for key, value in {**ONE, **values}.items()})
    found = forecast(recipe, read_facts(config), device="cuda" if gpu else "cpu", modern=flash)
    assert found is not None
    return (found.total - CONTEXT[found.device]) / peak(recipe, config, gpu=gpu, flash=flash).peak - 1


MORE: list[tuple[str, dict[str, Any]]] = [
    ("llama-8b", DORA | DROPOUT),
    ("mistral-7b", FP32),
    ("qwen3-8b", DROPOUT),
    ("gemma3-4b", FP16),
    ("llama-8b", IA3),
    ("phi3-mini", NF4),
    ("llama-8b", NF4 | CHECKPOINTING),
    ("mixtral-8x7b", NF4 | CHECKPOINTING),
    ("qwen3-30b-a3b", {}),
    ("qwen3-8b", IA3 | CHECKPOINTING),
    ("llama-8b", LAST_LAYER),
    ("llama-8b", {"adapter__layers": "last 1", "adapter__rank_pattern": {"q_proj": 256}}),
]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("llama-8b", {}),
        ("llama-1b", ON_CPU),
        ("llama-8b", DORA | NF4 | CHECKPOINTING),
        ("llama-8b", OLD | CHECKPOINTING),
        ("gemma2-9b", CHECKPOINTING),
        ("mixtral-8x7b", NF4 | CHECKPOINTING | WITH_EXPERTS["mixtral-8x7b"]),
        ("llama-8b", ADALORA | DROPOUT),
        ("llama-8b", EVERY_WEIGHT),
        ("llama-1b", {"adapter__modules_to_save": "both"}),
        ("llama-1b", TOKENS | CHECKPOINTING),
        ("llama-8b", PAIRS | CHECKPOINTING),
        ("llama-8b", LABELLED),
        ("llama-8b", SCORED),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE),
    ],
    ids=str,
)
def test_a_few_layers(model: str, values: dict[str, Any]) -> None:
    assert abs(off_by(model, 3, **values)) < 0.07


WHOLE: list[tuple[str, dict[str, Any]]] = [
    *(
        (model, bits | keeps | {"training__batch_size": 2})
        for model in ("llama-8b", "llama-1b", "qwen3-8b", "mistral-7b", "phi3-mini", "gemma2-9b")
        for bits in ({}, NF4)
        for keeps in ({}, CHECKPOINTING)
    ),
    ("llama-8b", {"data__max_length": 8192}),
    ("llama-8b", CHECKPOINTING | {"data__max_length": 8192}),
    ("gemma2-9b", CHECKPOINTING | {"data__max_length": 8192}),
    ("llama-8b", DORA | DROPOUT),
    ("llama-8b", DORA | DROPOUT | CHECKPOINTING),
    ("llama-8b", DORA | NF4 | CHECKPOINTING),
    ("qwen3-8b", OLD | NF4 | CHECKPOINTING),
    ("gemma3-4b", {}),
    ("qwen2-7b", DROPOUT | CHECKPOINTING),
    ("llama-1b", EVERY_WEIGHT),
    ("llama-1b", EVERY_WEIGHT | {"adapter__layers": "last 4"}),
    ("llama-8b", LAST_LAYER | CHECKPOINTING),
    ("llama-8b", TOKENS | NF4 | CHECKPOINTING),
    ("llama-8b", {"adapter__modules_to_save": "head"}),
    ("llama-1b", {"adapter__modules_to_save": "both"} | ON_CPU),
    *(("llama-1b", PAIRS | more) for more in (TOKENS, {"adapter__modules_to_save": "both"})),
    ("llama-1b", FP32 | CHECKPOINTING),
    ("mixtral-8x7b", NF4),
    ("mixtral-8x7b", CHECKPOINTING),
    ("qwen3-30b-a3b", NF4),
    ("qwen3-30b-a3b", NF4 | CHECKPOINTING),
    ("mixtral-8x7b", WITH_EXPERTS["mixtral-8x7b"]),
    *(("llama-1b", PAIRS | more) for more in ({}, EVERY_WEIGHT, ON_CPU, NF4 | CHECKPOINTING)),
    *(("llama-1b", UNREFERENCED | more) for more in ({}, EVERY_WEIGHT, ON_CPU, NF4 | CHECKPOINTING)),
    ("qwen3-8b", PAIRS | DROPOUT),
    *(("qwen3-30b-a3b", WITH_EXPERTS["qwen3-30b-a3b"] | keeps) for keeps in ({}, NF4 | CHECKPOINTING)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "values"), WHOLE, ids=str)
def test_a_whole_model(model: str, values: dict[str, Any]) -> None:
    assert abs(off_by(model, None, **values)) < 0.07
