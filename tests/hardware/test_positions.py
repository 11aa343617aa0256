"""Which models have a table of positions that ends: asked of the classes themselves."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tuitune.hardware.model_facts import read_facts

POSITIONS = 24
COMMON = {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
GPT = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": POSITIONS, "rotary_dim": 4}
LLAMA = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": POSITIONS,
}  # fmt: skip
MODELS = {
    "gpt2": GPT, "gpt_bigcode": GPT, "gptj": GPT, "codegen": GPT, "openai-gpt": GPT,
    "opt": {**LLAMA, "ffn_dim": 16, "word_embed_proj_dim": 16},
    "gpt_neo": {**LLAMA, "num_layers": 1, "num_heads": 2, "attention_types": [[["global"], 1]]},
    "biogpt": LLAMA, "llama": LLAMA, "gpt_neox": LLAMA, "phi3": LLAMA,
    "bloom": {"hidden_size": 16, "n_layer": 1, "n_head": 2},
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_a_row_longer_than_the_table_fails_where_it_is_said_to(kind: str) -> None:
    config = AutoConfig.for_model(kind, **COMMON, **MODELS[kind])
    model = AutoModelForCausalLM.from_config(config).eval()
    facts = read_facts(config.to_dict())
    ids = torch.ones((1, POSITIONS + 1), dtype=torch.long)
    if facts.fixed_positions:
        assert facts.max_positions == POSITIONS
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=ids)
    else:
        model(input_ids=ids)
