"""The number formats that a recipe means on a device: how many bytes each kind of number takes in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuitune.recipe.schema import Recipe

Device = Literal["cuda", "cpu"]

_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_ARITHMETIC = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class Formats:
    """Bytes a number: `weights` of the base as loaded (where not quantized), `compute` in matrix products, `adapter` of
    LoRA.

    `autocast`: products are computed in `compute` from copies that are cast on the way, so the copies stay for the
    backward pass.
    """

    weights: int
    compute: int
    adapter: int = 4
    autocast: bool = False


def formats(recipe: Recipe, device: Device, *, modern: bool = True) -> Formats:
    """The formats of a recipe with `auto` settled, as `precision` of the engine's `load.device` settles it: bf16
    on a GPU (fp16 where it is not `modern`), fp32 on a CPU; adapters are always float32.

    On a GPU autocast computes the adapters of a 16-bit base in its format. Weights that are trained are kept in float32
    under autocast.
    """
    trained = recipe.method.trains_base
    asked = recipe.model.dtype if recipe.model.dtype != "auto" else None
    usual = "float32" if device == "cpu" else "bfloat16" if modern else "float16"
    halves = asked if asked != "float32" else None
    arithmetic = _ARITHMETIC.get(recipe.training.precision, halves or usual)
    weights = asked or ("float32" if trained else arithmetic)
    if "float16" in (weights, arithmetic):
        autocast = "float16"
    elif trained:
        autocast = arithmetic if weights != arithmetic else ""
    else:
        computed = recipe.quantization.compute_dtype
        both = weights == "bfloat16" and computed in ("auto", "bfloat16")
        autocast = weights if both and device == "cuda" else ""
    return Formats(_BYTES[weights], _BYTES[autocast or weights], autocast=bool(autocast))
