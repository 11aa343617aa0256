"""Configs of models that people fine-tune, as their config.json has them: what decides sizes."""

from __future__ import annotations

from typing import Any

from tests.hardware.folders import LLAMA_3_1_8B

_ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def _config(
    kind: str, vocab: int, hidden: int, inner: int, layers: int, heads: int, kv: int, **more: Any
) -> dict[str, Any]:
    return {
        "model_type": kind, "vocab_size": vocab, "hidden_size": hidden, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv,
        "tie_word_embeddings": False, "max_position_embeddings": 131072, **_ENDS, **more,
    }  # fmt: skip


MODELS = {
    "llama-8b": {**LLAMA_3_1_8B, **_ENDS},
    "llama-1b": _config("llama", 128256, 2048, 8192, 16, 32, 8, head_dim=64, tie_word_embeddings=True),
    "mistral-7b": _config("mistral", 32768, 4096, 14336, 32, 32, 8, head_dim=128, sliding_window=None),
    "qwen2-7b": _config("qwen2", 152064, 3584, 18944, 28, 28, 4),
    "qwen3-8b": _config("qwen3", 151936, 4096, 12288, 36, 32, 8, head_dim=128),
    "gemma2-9b": _config(
        "gemma2", 256000, 3584, 14336, 42, 16, 8, head_dim=256, query_pre_attn_scalar=256, sliding_window=4096,
        attn_logit_softcapping=50.0, final_logit_softcapping=30.0, tie_word_embeddings=True,
    ),
    "gemma3-4b": _config(
        "gemma3_text", 262208, 2560, 10240, 34, 8, 4, head_dim=256, sliding_window=1024, tie_word_embeddings=True
    ),
    "phi3-mini": _config(
        "phi3", 32064, 3072, 8192, 32, 32, 32, sliding_window=2047, original_max_position_embeddings=4096
    ),
    "mixtral-8x7b": _config("mixtral", 32000, 4096, 14336, 32, 32, 8, num_local_experts=8, num_experts_per_tok=2),
    "qwen3-30b-a3b": _config(
        "qwen3_moe", 151936, 2048, 6144, 48, 32, 4, head_dim=128, moe_intermediate_size=768, num_experts=128,
        num_experts_per_tok=8, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[],
    ),
}  # fmt: skip
