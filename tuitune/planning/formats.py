"""The number formats that a recipe means on a device: how many bytes each kind of number takes in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuitune.recipe.schema import Recipe

Device = Literal["cuda", "cpu"]

_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "bf16": 2, "fp16": 2, "fp32": 4}


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


def formats(recipe: Recipe, device: Device) -> Formats:
    """The formats of a recipe, with `auto` settled: bf16 or fp16 on a GPU, fp32 on a CPU; adapters are always float32.

    A frozen base is computed with in the format it is loaded in; weights that are trained are kept in float32 under
    autocast.
    """
    arithmetic = _BYTES.get(recipe.training.precision, 2 if device == "cuda" else 4)
    trained = recipe.adapter.method == "none"
    weights = _BYTES.get(recipe.model.dtype, 4 if trained else arithmetic)
    autocast = (trained and weights == 4 and arithmetic == 2) or recipe.training.precision == "fp16"
    return Formats(weights, arithmetic if autocast else weights, autocast=autocast)
