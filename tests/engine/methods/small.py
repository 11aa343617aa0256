"""What each method is given on the small model: settings of its own, and options that its sizes want."""

from __future__ import annotations

from typing import Any

from tuitune.methods import METHODS

SETTINGS: dict[str, dict[str, Any]] = {
    "ia3": {"targets": ["k_proj", "v_proj", "down_proj"]},
    "adalora": {"cut_every": 1},
    "prefix": {"virtual_tokens": 4},
    "prompt": {"virtual_tokens": 4, "prompt_text": "answer the question"},
    "ptuning": {"virtual_tokens": 4, "encoder_size": 32},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "c3a": {"block_size": 16},
    "fourierft": {"n_frequency": 100},
    "miss": {"r": 8},
    "oft": {"oft_block_size": 16},
    "osf": {"effective_rank": 8},
    "road": {"group_size": 16},
    "shira": {"r": 4, "random_seed": 0},
    "trainable_tokens": {"token_indices": [1, 3, 4, 70, 75]},
    "vblora": {"vector_length": 16, "num_vectors": 16},
    "waveft": {"n_frequency": 100},
}
WORKING = [name for name, method in METHODS.items() if not method.support.unavailable]


def small(name: str) -> dict[str, Any]:
    """The settings of the adapter for a method by its name, without dropout."""
    method, values = METHODS[name], {"method": name, **SETTINGS.get(name, {})}
    if method.uses("targets"):
        values.setdefault("targets", "all-linear")
    if method.uses("dropout"):
        values["dropout"] = 0.0
    if method.is_tuner:
        values["options"] = OPTIONS.get(name, {})
    return values
