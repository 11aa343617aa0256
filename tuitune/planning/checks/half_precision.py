"""What cannot be trained in float16: cards before Ampere have no bfloat16, so `auto` means float16 there."""

from __future__ import annotations

from tuitune.hardware.fitness import has_bfloat16
from tuitune.hardware.gpus import Gpu
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe

_OVERFLOWING = ("gemma3", "gemma3_text", "gemma3n", "gemma3n_text")
"""Model types whose activations exceed 65,504, float16's largest number: their loss is NaN from the first step."""

MAY_OVERFLOW = ("qwen2", "qwen2_moe")
"""Model types of which some sizes train in float16 and some overflow on some rows: the run itself finds out."""


def computes_in_float16(recipe: Recipe, card: Gpu | None) -> bool:
    """Whether a run of this recipe computes in float16 on the card that it gets; False where that is not known."""
    if recipe.model.dtype == "float16" or recipe.training.precision == "fp16":
        return True
    settled = recipe.training.precision != "auto" or recipe.model.dtype != "auto"
    return not settled and card is not None and has_bfloat16(card) is False


def float16_trouble(recipe: Recipe, model_type: str | None) -> Problem | None:
    """What keeps a recipe from being trained in float16, with the remedy; None where nothing known does."""
    if model_type in _OVERFLOWING:
        remedy = 'set it to "bf16" (Ampere or newer) or "fp32", with quantization.bits = 4 to save memory'
        return Problem("training.precision", f"{model_type} overflows in float16, the format of this run; {remedy}")
    if recipe.method.uses("bias") and recipe.adapter.bias != "none" and recipe.model.dtype != "float32":
        remedy = 'set it to "none", or training.precision = "fp32"'
        return Problem("adapter.bias", f"bias terms cannot be trained in float16, the format of this run; {remedy}")
    return None
