"""Where training runs and in which number formats."""

from __future__ import annotations

import resource
from dataclasses import dataclass

import psutil
import torch

from tuitune.engine.failures import EngineError
from tuitune.recipe.schema import Recipe

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
_ARITHMETIC = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True)
class Precision:
    """The number formats of a run: of the weights as loaded, of 4-bit arithmetic, and of autocast (None: none)."""

    weights: torch.dtype
    compute: torch.dtype
    autocast: torch.dtype | None


def device() -> torch.device:
    """The first GPU that this process may use, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def precision(recipe: Recipe, on: torch.device) -> Precision:
    """The formats that the recipe asks for, with `auto` settled for the device.

    A frozen base needs no autocast: it is loaded in the format of the arithmetic, and the adapter's weights stay
    float32. float16 alone goes through autocast, for the gradient scaler that its narrow range needs. Weights that are
    trained themselves are held in float32 unless the recipe says otherwise, and autocast does the arithmetic.
    """
    arithmetic = _arithmetic(recipe.training.precision, on)
    trained = recipe.adapter.method == "none"
    asked = DTYPES.get(recipe.model.dtype)
    weights = asked or (torch.float32 if trained else arithmetic)
    if torch.float16 in (weights, arithmetic):
        if on.type == "cpu":
            key = "model.dtype" if weights == torch.float16 else "training.precision"
            raise EngineError(f"{key}: training in float16 needs a GPU; choose bfloat16 or float32 on a CPU")
        autocast = torch.float16
    else:
        autocast = arithmetic if trained and weights != arithmetic else None
    return Precision(weights, DTYPES.get(recipe.quantization.compute_dtype, weights), autocast)


def _arithmetic(name: str, on: torch.device) -> torch.dtype:
    if name != "auto":
        return _ARITHMETIC[name]
    if on.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def memory(on: torch.device) -> tuple[int, int]:
    """Bytes in use now and at their peak: of the GPU's tensors, or of this process where there is no GPU."""
    if on.type == "cuda":
        return torch.cuda.memory_allocated(on), torch.cuda.max_memory_allocated(on)
    return psutil.Process().memory_info().rss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def describe(on: torch.device) -> str:
    """The device as a person knows it: `NVIDIA H200`, `CPU, 2 threads`."""
    return torch.cuda.get_device_name(on) if on.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
