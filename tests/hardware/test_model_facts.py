from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from tests.hardware.folders import LLAMA_3_1_8B, TINY, TINY_PARAMETERS, model_folder
from tuitune.hardware.model_facts import ModelFacts, read_facts

SIZES = {
    "hidden_size": 48,
    "intermediate_size": 112,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 301,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"tie_word_embeddings": True},
    {"tie_word_embeddings": False},
    {"head_dim": 20},
    {"attention_bias": True, "mlp_bias": True},
    {"num_key_value_heads": 4},
]
FAMILIES = ["Llama", "Mistral", "Qwen2", "Qwen3", "Phi3", "Gemma", "Gemma2", "Gemma3Text", "Mixtral", "Qwen3Moe"]
MIXTURE: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
SOME_DENSE: dict[str, Any] = {"mlp_only_layers": [2], "decoder_sparse_step": 1, "moe_intermediate_size": 24}


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_facts_equal_the_model_class(family: str, changes: dict[str, Any]) -> None:
    sparse = {"Mixtral": MIXTURE, "Qwen3Moe": MIXTURE | SOME_DENSE}.get(family, {})
    config = getattr(transformers, f"{family}Config")(**(SIZES | sparse | changes))
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    facts = read_facts(json.loads(config.to_json_string()))
    assert facts.parameters == sum(weight.numel() for weight in model.parameters())
    linears = Counter(
        (name.rpartition(".")[2], module.in_features, module.out_features, module.bias is not None)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    )
    assert {(one.name, one.inputs, one.outputs, one.bias): one.count for one in facts.linears} == dict(linears)
    assert "lm_head" not in [linear.name for linear in facts.trunk]
    stacked = [weight for name, weight in model.named_parameters() if ".experts." in name]
    assert (facts.experts.weights if facts.experts else 0) == sum(weight.numel() for weight in stacked)
    assert all(weight.dim() == 3 for weight in stacked)


def test_llama_3_1_8b() -> None:
    facts = read_facts(LLAMA_3_1_8B)
    assert facts.parameters == 8_030_261_248
    assert (facts.architecture, facts.model_type, facts.layers, facts.hidden) == ("LlamaForCausalLM", "llama", 32, 4096)
    assert (facts.heads, facts.kv_heads, facts.head_dim, facts.max_positions) == (32, 8, 128, 131072)
    assert (facts.dtype, facts.quantized, facts.remote_code, facts.tied) == ("bfloat16", None, False, False)


def test_a_folder_tells_more_than_its_config(tmp_path: Path) -> None:
    facts = read_facts(model_folder(tmp_path / "tiny"))
    assert (facts.parameters, facts.dtype, facts.chat_template) == (TINY_PARAMETERS, "bfloat16", True)
    assert facts.bytes is not None
    assert facts.bytes > 2 * TINY_PARAMETERS
    assert read_facts(model_folder(tmp_path / "plain", template=False)).chat_template is False
    (tmp_path / "plain" / "chat_template.jinja").write_text("{{ messages }}")
    assert read_facts(tmp_path / "plain").chat_template is True


def test_an_unknown_architecture_is_weighed(tmp_path: Path) -> None:
    config = {"model_type": "newcomer", "n_embd": 16, "n_head": 2, "n_layer": 1, "vocab_size": 64, "n_positions": 128}
    assert read_facts(config).parameters is None
    facts = read_facts(model_folder(tmp_path, config))
    assert (facts.parameters, facts.hidden, facts.heads, facts.layers, facts.max_positions) == (
        TINY_PARAMETERS,
        16,
        2,
        1,
        128,
    )
    assert facts.linears == ()


def test_quantized_stores_and_code_of_their_own_are_seen() -> None:
    config = {**TINY, "quantization_config": {"quant_method": "gptq"}, "auto_map": {"AutoModelForCausalLM": "m.M"}}
    facts = read_facts(config)
    assert facts.quantized == "gptq"
    assert facts.remote_code


def test_the_text_part_of_a_model_of_several_kinds() -> None:
    facts = read_facts(
        {"model_type": "gemma3", "text_config": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9}}
    )
    assert (facts.hidden, facts.layers, facts.vocab, facts.parameters, facts.linears) == (64, 2, 9, None, ())


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '"text"'])
def test_what_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError):
        read_facts(tmp_path / "config.json")


def test_a_config_that_is_too_large_or_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read_facts(tmp_path / "config.json")
    (tmp_path / "config.json").write_bytes(b" " * 5_000_000)
    with pytest.raises(ValueError, match="larger"):
        read_facts(tmp_path / "config.json")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@given(
    changes=st.dictionaries(st.sampled_from([*LLAMA_3_1_8B, "text_config", "quantization_config", "head_dim"]), values)
)
def test_facts_of_any_config_never_fail(changes: dict[str, Any]) -> None:
    facts = read_facts({**LLAMA_3_1_8B, **changes})
    assert isinstance(facts, ModelFacts)
    assert facts.parameters is None or facts.parameters > 0
