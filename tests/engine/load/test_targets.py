"""What gets an adapter, on small models of many kinds: each adapter is trained, and nothing else is adapted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from tests.engine.support import Carry, make_tokenizer
from tuitune.engine.methods import adapt
from tuitune.problem import TuituneError
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

BASE: dict[str, Any] = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1,
}  # fmt: skip
FEW = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
SPECIAL: dict[str, dict[str, Any]] = {
    "deepseek_v3": {
        "num_key_value_heads": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
        "moe_intermediate_size": 16, "q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
        "v_head_dim": 8, "first_k_dense_replace": 1,
    },
    "gemma3": {
        "text_config": {**BASE, "head_dim": 8, "model_type": "gemma3_text"},
        "vision_config": {**VISION, "model_type": "siglip_vision_model"}, "mm_tokens_per_image": 4,
        "image_token_index": 5, "boi_token_index": 6, "eoi_token_index": 7,
    },
    "llama4_text": {**FEW, "head_dim": 8, "intermediate_size_mlp": 48, "num_local_experts": 2},
    "mamba": {"state_size": 8},
    "qwen2_moe": {**FEW, "shared_expert_intermediate_size": 16, "decoder_sparse_step": 1},
    "qwen3_moe": {**FEW, "head_dim": 8, "mlp_only_layers": [0]},
    "mixtral": FEW,
    "gpt_oss": {**FEW, "head_dim": 8},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
}  # fmt: skip
SEVEN = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
ALL_LINEAR: dict[str, set[str]] = {
    "llama": SEVEN,
    "gemma3": SEVEN,
    "llama4_text": SEVEN,
    "qwen2_moe": SEVEN,
    "qwen3_moe": ATTENTION,
    "mixtral": ATTENTION,
    "gpt_oss": ATTENTION,
    "deepseek_v3": {"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"},
    "falcon": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    "mamba": {"in_proj", "x_proj"},
    "lfm2": {"in_proj", "out_proj", "q_proj", "k_proj", "v_proj", "w1", "w2", "w3"},
    "gpt2": {"c_attn", "c_proj", "c_fc"},
}
EXPERTS = ["q_proj", "gate_proj", "up_proj", "down_proj"]


def make(kind: str) -> Any:
    torch.manual_seed(0)
    settings = {**BASE, **SPECIAL.get(kind, {})}
    if kind == "gemma3":
        settings = SPECIAL[kind]
    if kind in ("falcon", "gpt2"):
        settings.pop("num_key_value_heads")
    if kind == "gpt2":
        settings = {"vocab_size": 320, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    return AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **settings))


def adapted(kind: str, **values: Any) -> Any:
    recipe = with_values(Recipe(), {key.replace("__", "."): value for key, value in values.items()})
    return adapt(SimpleNamespace(model=make(kind), commit=None), recipe, 100).model  # type: ignore[arg-type]


def layers_of(model: Any) -> dict[str, torch.nn.Parameter]:
    """The adapted layers by their whole names, each with its second matrix."""
    found = {name: weight for name, weight in model.named_parameters() if ".lora_B." in name}
    return {name.split(".lora_B.")[0].removeprefix("base_model.model."): weight for name, weight in found.items()}


@pytest.mark.parametrize("kind", ALL_LINEAR)
def test_all_linear_is_what_can_be_adapted_in_the_language_model(kind: str) -> None:
    model = adapted(kind, adapter__targets="all-linear")
    ids = torch.randint(8, 300, (1, 24))
    model(input_ids=ids, labels=ids).loss.backward()
    layers = layers_of(model)
    assert {name.rpartition(".")[2] for name in layers} == ALL_LINEAR[kind]
    assert not [name for name in layers if "vision" in name or "router" in name or "lm_head" in name]
    assert not [name for name, weight in layers.items() if weight.grad is None or not weight.grad.any()]


def test_a_name_that_a_vision_tower_bears_too_is_meant_for_the_language_model() -> None:
    layers = layers_of(adapted("gemma3", adapter__targets=["q_proj", "v_proj"]))
    assert len(layers) == 4 and all(name.startswith("model.language_model.") for name in layers)


@pytest.mark.parametrize(
    ("values", "key", "remedy"),
    [
        ({}, "adapter.dropout", {"adapter__dropout": 0.0}),
        ({"adapter__dropout": 0.0, "adapter__dora": True}, "adapter.dora", {"adapter__dora": False}),
        (
            {"adapter__dropout": 0.0, "adapter__targets": ["gate_proj"]}, "adapter.targets",
            {"adapter__targets": ["gate_proj", "up_proj"]},
        ),
        (
            {"adapter__dropout": 0.0, "adapter__targets": ["o_proj", "gate"]}, "adapter.targets",
            {"adapter__targets": ["o_proj"]},
        ),
        ({"adapter__method": "adalora"}, "adapter.targets", {"adapter__targets": ["o_proj"]}),
        (
            {"adapter__method": "adalora"}, "adapter.targets",
            {"adapter__method": "lora", "adapter__dropout": 0.0},
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["mixtral", "deepseek_v3", "qwen3_moe"])
def test_experts_that_cannot_be_adapted_so_are_refused_with_what_can(
    kind: str, values: dict[str, Any], key: str, remedy: dict[str, Any]
) -> None:
    start = {"adapter__targets": ["o_proj", *EXPERTS[1:]]}
    values, remedy = start | values, {**start, **values, **remedy}
    with pytest.raises(TuituneError) as caught:
        adapted(kind, **values)
    assert key in [problem.key for problem in caught.value.problems]
    assert layers_of(adapted(kind, **remedy))


def test_experts_are_trained_saved_and_loaded_back(carried: Carry, tmp_path: Any) -> None:
    make("qwen3_moe").save_pretrained(tmp_path / "moe")
    make_tokenizer().save_pretrained(tmp_path / "moe")
    outcome = carried(model__id=str(tmp_path / "moe"), adapter__targets=EXPERTS, adapter__dropout=0.0)
    assert outcome.code == 0, outcome.reason
    assert outcome.records("artefact")[0]["reload_difference"] == 0
