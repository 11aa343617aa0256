"""The number formats that a recipe means on a device, for the engine by name and for the forecast in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuitune.recipe.schema import Recipe

Device = Literal["cuda", "cpu"]

_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_ARITHMETIC = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class Formats:
    """Bytes a number: `weights` of the base as loaded (where not quantized), `compute` in matrix products, `adapter`.

    `autocast`: products are computed in `compute` from copies that are cast on the way, so the copies stay for the
    backward pass.
    """

    weights: int
    compute: int
    adapter: int = 4
    autocast: bool = False


@dataclass(frozen=True)
class Dtypes:
    """Names of number formats: of the base's weights as loaded, of 4-bit arithmetic, and of autocast ("": none)."""

    weights: str
    compute: str
    autocast: str


def dtypes(recipe: Recipe, device: Device, *, modern: bool = True) -> Dtypes:
    """What the recipe asks for, with `auto` settled: bf16 on a GPU (fp16 where it is not `modern`), fp32 on a CPU.

    A frozen base is loaded in the format of the arithmetic, and the adapter's weights stay float32. On a GPU autocast
    has these computed in the base's 16 bits, so that no float32 copy of a layer's input is kept for the backward pass;
    float16 needs autocast anyway, for the gradient scaler that its narrow range needs. Weights that are trained
    themselves are held in float32 unless the recipe says otherwise, and autocast does the arithmetic.
    """
    trained, computed = recipe.method.trains_base, recipe.quantization.compute_dtype
    asked = recipe.model.dtype if recipe.model.dtype != "auto" else None
    usual = "float32" if device == "cpu" else "bfloat16" if modern else "float16"
    halves = asked if asked != "float32" else None
    arithmetic = _ARITHMETIC.get(recipe.training.precision, halves or usual)
    weights = asked or ("float32" if trained else arithmetic)
    compute = weights if computed == "auto" else computed
    if "float16" in (weights, arithmetic):
        autocast = "float16"
    elif trained:
        autocast = arithmetic if weights != arithmetic else ""
    else:
        autocast = weights if device == "cuda" and weights == compute == "bfloat16" else ""
    return Dtypes(weights, compute, autocast)


def formats(recipe: Recipe, device: Device, *, modern: bool = True) -> Formats:
    """The bytes of the formats that `dtypes` settles; an adapter's are always those of float32."""
    told = dtypes(recipe, device, modern=modern)
    return Formats(_BYTES[told.weights], _BYTES[told.autocast or told.weights], autocast=bool(told.autocast))
