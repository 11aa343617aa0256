"""What of a recipe does not go with a method, by the setting to change: the support of methods, asked of one recipe."""

from __future__ import annotations

from typing import get_args

from tuitune.methods import Method
from tuitune.methods.descriptor import Support
from tuitune.objectives import TRAINED, Trained
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.quantization import QuantizationSection

BITS = sorted(get_args(QuantizationSection.model_fields["bits"].annotation))
"""How many bits a weight of the base can have; every method goes with 16."""

MISFITS = ("adapter.method", "objective.kind", "quantization.bits")
"""The settings whose values a method can be at odds with."""


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
    found = {
        "adapter.method": support.unavailable,
        "objective.kind": why_not(support, recipe.optimises),
        "quantization.bits": support.bits.get(recipe.quantization.bits, ""),
    }
    return {key: why for key, why in found.items() if why}


def refused(key: str, recipe: Recipe, method: Method) -> str:
    """That a method does not go with the value of a setting, as a clause."""
    partner = {"objective.kind": recipe.objective.kind, "quantization.bits": f"{recipe.quantization.bits}-bit weights"}
    return f"{method.title} {f'does not go with {partner[key]}' if key in partner else 'is not offered'}"


def fitting(key: str, method: Method) -> str:
    """The values of a setting that a method goes with, in words; "" where only another method helps."""
    if key == "quantization.bits":
        return " or ".join(str(bits) for bits in BITS if not method.support.bits.get(bits))
    return '"sft"' if key == "objective.kind" else ""


def idle(method: Method) -> dict[str, str]:
    """Key of a setting → why it has no effect with a method: the same is learned without it."""
    found = {"data.packing": method.support.packing, "training.gradient_checkpointing": method.support.checkpointing}
    return {key: f"not with {method.title}" for key, why in found.items() if why}
