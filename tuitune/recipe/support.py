"""What of a recipe does not go with a method, by the setting to change: the support of methods, asked of one recipe."""

from __future__ import annotations

from typing import Any

from tuitune.methods import Method
from tuitune.methods.descriptor import Support
from tuitune.objectives import TRAINED, Trained
from tuitune.recipe.schema import Recipe

GIVES_WAY: dict[str, Any] = {"data.packing": False, "training.gradient_checkpointing": False}
"""Settings that a choice of a method may change: with another value of these the same is learned."""

REMEDIES = {
    "adapter.method": 'set it to "lora", or another of docs/methods.md',
    "objective.kind": 'set it to "sft", or adapter.method = "lora"',
    "quantization.bits": 'set it to 16, or adapter.method = "lora"',
    "data.packing": "set it to false",
    "training.gradient_checkpointing": "set it to false",
}
"""What helps, by the key of a misfit."""


def why_not(support: Support, objective: Trained) -> str:
    """Why a method of this support does not go with an objective; "" where it does."""
    return support.scoring if objective.scores else support.generating if objective.generates else ""


def lacks(support: Support) -> dict[str, str]:
    """Each circumstance of a run → why a method of this support does not go with it; "" where it does."""
    return {
        **{f"{bits} bits": support.bits.get(bits, "") for bits in (8, 4)},
        "packing": support.packing,
        "checkpointing": support.checkpointing,
        **{kind: why_not(support, objective) for kind, objective in TRAINED.items()},
        "merge": support.merging,
    }


def misfits(recipe: Recipe, method: Method | None = None) -> dict[str, str]:
    """Key of a setting → why the recipe's method, or another, does not go with its value."""
    support = (method or recipe.method).support
    packs = recipe.data.packing and recipe.optimises.packs
    found = {
        "adapter.method": support.unavailable,
        "objective.kind": why_not(support, recipe.optimises),
        "quantization.bits": support.bits.get(recipe.quantization.bits, ""),
        "data.packing": support.packing if packs else "",
        "training.gradient_checkpointing": support.checkpointing if recipe.training.gradient_checkpointing else "",
    }
    return {key: why for key, why in found.items() if why}
