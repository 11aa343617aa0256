"""The counted activations against what autograd really saves, for the stock classes of transformers and PEFT."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model

from tuitune.hardware.model_facts import Linear, ModelFacts, read_facts
from tuitune.planning.forecast.activations import TrainingStep, saved, widths
from tuitune.planning.forecast.formats import Formats
from tuitune.planning.targets import resolve_targets

TOKENS = 256
SIZES = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MIXED, FULL = Formats(2, 2), Formats(4, 4)


def measured(model: torch.nn.Module) -> int:
    """Bytes of all storages that one forward pass of the blocks saves for the backward pass, weights not counted."""
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    storages: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    ids = torch.randint(3, SIZES["vocab_size"], (1, TOKENS))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(input_ids=ids, use_cache=False)
    assert output is not None
    return sum(storages.values())


def adapted(model: Any, facts: ModelFacts, targets: list[str] | str, dropout: float) -> tuple[Any, tuple[Linear, ...]]:
    names = resolve_targets(targets, [linear.name for linear in facts.linears])
    config = LoraConfig(r=4, target_modules=names, lora_dropout=dropout, task_type="CAUSAL_LM")
    chosen = tuple(linear for linear in facts.linears if linear.name in names)
    return get_peft_model(model, config).base_model.model.model, chosen


@pytest.mark.parametrize(
    ("family", "targets", "dropout", "formats", "attention"),
    [
        ("Llama", "all-linear", 0.0, MIXED, "sdpa"),
        ("Llama", ["q_proj", "v_proj"], 0.0, MIXED, "sdpa"),
        ("Llama", "all-linear", 0.1, MIXED, "sdpa"),
        ("Llama", "all-linear", 0.0, FULL, "sdpa"),
        ("Llama", "all-linear", 0.0, MIXED, "eager"),
        ("Llama", None, 0.0, FULL, "sdpa"),
        ("Phi3", "all-linear", 0.0, MIXED, "sdpa"),
        ("Qwen3", "all-linear", 0.0, MIXED, "sdpa"),
        ("Gemma3Text", "all-linear", 0.0, MIXED, "sdpa"),
    ],
)
def test_saved_bytes_are_those_of_autograd(
    family: str, targets: list[str] | str | None, dropout: float, formats: Formats, attention: str
) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SIZES, attn_implementation=attention)
    dtype = torch.float32 if formats.weights == 4 else torch.bfloat16
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype).train()
    facts = read_facts(json.loads(config.to_json_string()))
    wide = widths(facts)
    assert wide is not None
    trunk, chosen = (model.model, ()) if targets is None else adapted(model, facts, targets, dropout)
    step = TrainingStep(
        tokens=TOKENS,
        row=TOKENS,
        adapted=chosen,
        formats=formats,
        trained=targets is None,
        mask=4 if dropout else 0,
        eager=attention == "eager",
        rank=4,
    )
    assert saved(facts, wide, step) == pytest.approx(measured(trunk), rel=0.1)
