"""What each method is given on the small model: settings of its own, and options that its sizes want."""

from __future__ import annotations

from typing import Any

from tests.engine.support import Outcome
from tuitune.methods import METHODS
from tuitune.recipe.sections.adapter import AdapterSection

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


def evaluated(name: str) -> dict[str, Any]:
    """How often a method is held to its held-out rows: at each step where it does not begin with the base's loss."""
    return {"evaluation__every": 1} if METHODS[name].starts(AdapterSection.model_validate(small(name))) else {}


def has_learned(outcome: Outcome, name: str) -> bool:
    """Whether the held-out loss fell: from the base's, or from that after a step where training begins elsewhere."""
    first, *_, last = outcome.records("eval")[1 if evaluated(name) else 0 :]
    return bool(last["loss"] < first["loss"])
