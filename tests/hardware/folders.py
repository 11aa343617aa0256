"""Model folders for tests: a config, a safetensors file of zeros, a tokenizer that is only there by name."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

LLAMA_3_1_8B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}

TINY: dict[str, Any] = {
    **LLAMA_3_1_8B,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 64,
}
TINY_PARAMETERS = 64 * 16 * 2 + 16 * (16 + 8 + 8 + 16) + 3 * 16 * 32 + 3 * 16


def safetensors(tensors: dict[str, tuple[str, list[int], int]]) -> bytes:
    """A safetensors file of zeros; each tensor is a dtype, a shape and its size in bytes."""
    header, offset = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(offset)


def llama_tensors(config: dict[str, Any]) -> dict[str, tuple[str, list[int], int]]:
    """The weights of a Llama by their names, in bfloat16."""
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {
        "model.embed_tokens.weight": [vocab, hidden],
        "model.norm.weight": [hidden],
        "lm_head.weight": [vocab, hidden],
    }
    for layer in (f"model.layers.{number}" for number in range(config["num_hidden_layers"])):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{layer}.{norm}.weight"] = [hidden]
        for name, width in {"q": hidden, "k": keys, "v": keys, "o": hidden}.items():
            shapes[f"{layer}.self_attn.{name}_proj.weight"] = [width, hidden]
        for name, shape in {"gate": [inner, hidden], "up": [inner, hidden], "down": [hidden, inner]}.items():
            shapes[f"{layer}.mlp.{name}_proj.weight"] = shape
    return {name: ("BF16", shape, 2 * math.prod(shape)) for name, shape in shapes.items()}


def model_folder(
    folder: Path,
    config: dict[str, Any] = TINY,
    tensors: dict[str, tuple[str, list[int], int]] | None = None,
    *,
    template: bool = True,
) -> Path:
    """A whole model at `folder`, by default the tiny Llama with its parameters in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    chosen = llama_tensors(TINY) if tensors is None else tensors
    (folder / "model.safetensors").write_bytes(safetensors(chosen))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"} if template else {}))
    return folder
