from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.pytorch_utils import Conv1D

from tests.hardware.folders import LLAMA_3_1_8B
from tests.planning.models import MODELS
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.targets import expert_layers, resolve_targets, trainable_parameters
from tuitune.problem import TuituneError
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 101,
}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
PRESET_B = ["q_proj", "k_proj", "v_proj", "o_proj"]
ALL_SEVEN = [*PRESET_B, "gate_proj", "up_proj", "down_proj"]


def build(family: str, **changes: Any) -> tuple[Any, Any]:
    config = getattr(transformers, f"{family}Config")(**(SIZES | TOKENS | changes))
    with torch.device("meta"):
        return config, transformers.AutoModelForCausalLM.from_config(config)


def linear_names(model: Any) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear | Conv1D)]


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        *((family, PRESET_B) for family in ("Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Gemma3Text")),
        ("Phi3", ["qkv_proj", "o_proj"]),
        ("Phi", ["q_proj", "k_proj", "v_proj", "self_attn.dense"]),
        ("GPTNeoX", ["query_key_value", "attention.dense"]),
        ("GPT2", ["c_attn", "attn.c_proj"]),
        ("Falcon", ["query_key_value", "self_attention.dense"]),
        ("Mpt", ["Wqkv", "attn.out_proj"]),
    ],
)
def test_preset_b_on_every_architecture(family: str, expected: list[str]) -> None:
    from peft import LoraConfig, get_peft_model

    _, model = build(family)
    resolved = resolve_targets(PRESET_B, linear_names(model))
    assert resolved == expected
    adapted = get_peft_model(model, LoraConfig(target_modules=resolved, task_type="CAUSAL_LM"))
    layers = {name.split(".lora_A")[0] for name, _ in adapted.named_parameters() if "lora_A" in name}
    assert len(layers) == 2 * len(expected)


def test_feed_forward_names_are_translated_too() -> None:
    for family, expected in (
        ("Phi3", ["gate_up_proj", "down_proj"]),
        ("GPTNeoX", ["dense_h_to_4h", "dense_4h_to_h"]),
        ("GPT2", ["c_fc", "mlp.c_proj"]),
        ("Phi", ["fc1", "fc2"]),
    ):
        _, model = build(family)
        assert resolve_targets(["gate_proj", "up_proj", "down_proj"], linear_names(model)) == expected


def test_all_linear_leaves_the_output_head_alone() -> None:
    assert resolve_targets("all-linear", linear_names(build("Llama")[1])) == ALL_SEVEN
    assert "embed_out" not in resolve_targets("all-linear", linear_names(build("GPTNeoX")[1]))
    with pytest.raises(TuituneError, match="no linear layers"):
        resolve_targets("all-linear", ["lm_head"])


def test_names_that_the_model_has_are_taken_as_they_are() -> None:
    names = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "lm_head"]
    assert resolve_targets(["layers.0.self_attn.q_proj", "q_proj"], names) == ["layers.0.self_attn.q_proj", "q_proj"]


def test_unknown_names_are_all_reported_with_what_there_is() -> None:
    with pytest.raises(TuituneError) as caught:
        resolve_targets(["q_porj", "nonsense", "q_proj"], ["a.q_proj", "a.fc1"])
    first, second = caught.value.problems
    assert first.key == second.key == "adapter.targets"
    assert first.message == "the model has no layer 'q_porj' (did you mean q_proj?); it has q_proj, fc1"
    assert second.message == "the model has no layer 'nonsense'; it has q_proj, fc1"
    with pytest.raises(TuituneError, match="at least one"):
        resolve_targets([], ["q_proj"])


@given(st.lists(st.text(max_size=10), max_size=4), st.lists(st.text(max_size=10), max_size=4))
def test_any_names_are_resolved_or_refused(targets: list[str], names: list[str]) -> None:
    try:
        resolved = resolve_targets(targets, names)
    except TuituneError as error:
        assert error.problems
    else:
        assert set(resolved) == set(targets)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"adapter.targets": "all-linear", "adapter.rank": 3},
        {"adapter.targets": ["q_proj", "v_proj"], "adapter.bias": "lora_only"},
        {"adapter.bias": "all", "adapter.dora": True},
        {"adapter.method": "adalora", "adapter.targets": "all-linear"},
        {"adapter.layers": "1", "adapter.targets": "all-linear", "adapter.dora": True},
        {"adapter.method": "ia3", "adapter.targets": ["k_proj", "v_proj", "down_proj"]},
        {"adapter.method": "none"},
        {"adapter.method": "none", "adapter.layers": "last 1"},
        {"adapter.method": "none", "adapter.layers": "0", "adapter.freeze_embeddings": True},
        {"adapter.rank_pattern": {"q_proj": 3, "o_proj": 20}, "adapter.modules_to_save": "both"},
        {"adapter.trainable_tokens": ["<a>", "<b>"], "adapter.dora": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("family", ["Llama", "Qwen2", "Phi3", "Gemma2", "Gemma3Text"])
def test_trainable_parameters_are_those_of_peft(family: str, values: dict[str, Any]) -> None:
    from tuitune.engine.methods import adapt

    config, _ = build(family, num_key_value_heads=2)
    facts = read_facts(json.loads(config.to_json_string()))
    recipe, model = with_values(Recipe(), values), transformers.AutoModelForCausalLM.from_config(config)
    vocabulary = SimpleNamespace(get_vocab=lambda: {"<a>": 3, "<b>": 4})
    base: Any = SimpleNamespace(model=model, commit=None, tokenizer=vocabulary)
    model = adapt(base, recipe, 10).model
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert trainable_parameters(recipe, facts) == trained


@pytest.mark.parametrize(("dense", "known"), [([], True), ([0], False)])
def test_layers_of_a_mixture_are_counted_where_they_are_alike(dense: list[int], known: bool) -> None:
    from tuitune.engine.methods import adapt

    few = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "mlp_only_layers": dense}
    config, _ = build("Qwen3Moe", **few)
    recipe = with_values(Recipe(), {"adapter.method": "none", "adapter.layers": "1"})
    base: Any = SimpleNamespace(model=transformers.AutoModelForCausalLM.from_config(config))
    trained = sum(weight.numel() for weight in adapt(base, recipe, 10).model.parameters() if weight.requires_grad)
    assert trainable_parameters(recipe, read_facts(json.loads(config.to_json_string()))) == (trained if known else None)


def test_a_rank_of_its_own_is_for_a_target_by_either_name() -> None:
    facts = read_facts({**LLAMA_3_1_8B, "model_type": "phi3"})
    usual = {"adapter.targets": ["qkv_proj", "o_proj"]}
    counted = [
        trainable_parameters(with_values(Recipe(), {**usual, "adapter.rank_pattern": {name: 32}}), facts)
        for name in ("qkv_proj", "q_proj")
    ]
    assert counted[0] == counted[1] != trainable_parameters(with_values(Recipe(), usual), facts)
    for pattern in ({"q_proj": 8, "k_proj": 4}, {"down_proj": 8}):
        with pytest.raises(TuituneError) as caught:
            trainable_parameters(with_values(Recipe(), {**usual, "adapter.rank_pattern": pattern}), facts)
        assert caught.value.problems[0].key == "adapter.rank_pattern"


def test_the_experts_of_a_mixture_are_offered_by_the_names_that_adapt_them() -> None:
    facts = read_facts({**MODELS["qwen3-30b-a3b"]})
    shapes = {one.name: (one.inputs, one.outputs, one.count) for one in expert_layers(facts)}
    gate = (2048, 768, 48 * 128)
    assert shapes == {"gate_proj": gate, "up_proj": gate, "down_proj": (768, 2048, 48 * 128)}
    assert expert_layers(read_facts(LLAMA_3_1_8B)) == ()


def test_known_figures() -> None:
    """Llama-3.1-8B: rank 16 on q and v, on every layer, on preset B's; Llama-2-13B: rank 8 on q and v."""
    facts = read_facts(LLAMA_3_1_8B)
    for targets, trained in ((["q_proj", "v_proj"], 6_815_744), ("all-linear", 41_943_040), (PRESET_B, 13_631_488)):
        recipe = with_values(Recipe(), {"adapter.targets": targets})
        assert trainable_parameters(recipe, facts) == trained
    sizes = {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "vocab_size": 32000}
    larger = read_facts({**LLAMA_3_1_8B, **sizes, "num_attention_heads": 40, "num_key_value_heads": 40})
    recipe = with_values(Recipe(), {"adapter.targets": ["q_proj", "v_proj"], "adapter.rank": 8})
    assert (trainable_parameters(recipe, larger), larger.parameters) == (6_553_600, 13_015_864_320)
    unknown = read_facts({"model_type": "newcomer"})
    assert trainable_parameters(Recipe(), unknown) is None
