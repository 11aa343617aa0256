"""The forecast's weights against models that are really loaded in 4 and 8 bits, family by family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tuitune.engine.load.device import Precision
from tuitune.engine.load.model import quantization
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.forecast.memory import forecast
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

SIZES = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 320, "head_dim": 32, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "tie_word_embeddings": False,
}  # fmt: skip
MIXTURE = {"num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 256}
BF16 = Precision(torch.bfloat16, torch.bfloat16, None)


def loaded(folder: Path, kind: str, recipe: Recipe) -> int:
    """Bytes of a small model of a family as the engine loads it, its scales included."""
    config = AutoConfig.for_model(kind, **SIZES, **(MIXTURE if kind.endswith(("moe", "mixtral")) else {}))
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.bfloat16,
        device_map={"": "cpu"},
        quantization_config=quantization(recipe.quantization, BF16),
    )
    return sum(weight.numel() * weight.element_size() + _scales(weight) for weight in model.parameters())


def _scales(weight: Any) -> int:
    """bitsandbytes' scales: of blocks, and of those where they are quantized too; of rows in 8 bits."""
    state, rows = getattr(weight, "quant_state", None), getattr(weight, "SCB", None)
    found = [] if rows is None else [rows]
    if state is not None:
        found += [state.absmax] + ([state.state2.absmax] if state.nested else [])
    return sum(tensor.numel() * tensor.element_size() for tensor in found)


@pytest.mark.parametrize(
    ("kind", "bits", "double"),
    [
        *((kind, 4, True) for kind in ("llama", "qwen2", "phi3", "gemma2", "gemma3_text", "mixtral", "qwen3_moe")),
        ("qwen3_moe", 4, False),
        ("mixtral", 8, False),
    ],
)
def test_weights_take_what_the_forecast_says(kind: str, bits: int, double: bool, tmp_path: Path) -> None:
    recipe = with_values(Recipe(), {"quantization.bits": bits, "quantization.double": double})
    bytes_loaded = loaded(tmp_path / kind, kind, recipe)
    found = forecast(recipe, read_facts(tmp_path / kind))
    assert found is not None
    assert found.parts["weights"] + found.parts.get("experts", 0) == pytest.approx(bytes_loaded, rel=0.01)
