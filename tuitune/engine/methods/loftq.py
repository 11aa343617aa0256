"""LoftQ (arXiv 2310.08659): a LoRA that begins with what the quantized base has lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from torch import Tensor, nn

from tuitune.engine.process.failures import EngineError
from tuitune.hardware.weights import tensor_files

_BEFORE = "base_model.model."
"""What PEFT puts before the names of the base's layers."""

_FARTHEST = 0.5
"""Share of a weight that quantization may change: 4 bits change about a tenth. More means another tensor."""

_ITERATIONS = 8


def begin(layers: Mapping[str, LoraLayer], adapter: str, folder: Path) -> None:
    """Give each layer's matrices the best approximation, of their rank, of what quantization took from its weight.

    PEFT's own (`replace_lora_weights_loftq`) leaves out the adapter's scale, takes 4 bits alone, and needs CUDA. The
    weights are read from the files of the base in `folder`. EngineError where a layer's is not there.
    """
    files = tensor_files(folder)
    for name, layer in layers.items():
        stored = f"{name.removeprefix(_BEFORE)}.weight"
        if stored not in files:
            raise _not_found(stored)
        with safe_open(files[stored], framework="pt") as tensors:
            whole = tensors.get_tensor(stored)
        lost = _lost(layer.get_base_layer(), whole)
        if lost is None:
            raise _not_found(stored)
        scale = layer.scaling[adapter]
        left, sizes, right = _largest(lost, layer.r[adapter])
        roots = (sizes / scale).sqrt()
        layer.lora_A[adapter].weight.data.copy_((right * roots).T)
        layer.lora_B[adapter].weight.data.copy_(left * roots)


def _lost(layer: nn.Module, whole: Tensor) -> Tensor | None:
    """A layer's weight before quantization less the one after it; None where they are not one weight."""
    kept = _unpacked(layer)
    if kept.shape != whole.shape:
        return None
    lost = whole.to(kept) - kept
    return lost if lost.norm() <= _FARTHEST * kept.norm() else None


def _unpacked(layer: nn.Module) -> Tensor:
    """A quantized layer's weight. PEFT's own (`dequantize_module_weight`) spoils 8-bit layers on a CPU."""
    weight = layer.weight
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(weight.data, weight.quant_state).float()
    scales = weight.SCB if layer.state.SCB is None else layer.state.SCB  # these are, once it has been used
    return int8_vectorwise_dequant(weight.data, scales).float()


def _largest(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """As many singular vectors and values of a matrix, the largest ones."""
    taken = min(2 * rank, *matrix.shape)
    with torch.autocast(matrix.device.type, enabled=False):
        left, sizes, right = torch.svd_lowrank(matrix, q=taken, niter=_ITERATIONS)
    return left[:, :rank], sizes[:rank], right[:, :rank]


def _not_found(name: str) -> EngineError:
    return EngineError(
        f"adapter.init: loftq needs the weights before quantization, and the model's files have no {name} that "
        'fits; set adapter.init = "default"'
    )
