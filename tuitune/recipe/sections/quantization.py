"""The [quantization] table: how many bits a weight of the frozen base has."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Needs, Section, setting


class QuantizationSection(Section):
    """Quantization"""

    bits: Literal[16, 8, 4] = setting(16, "bits", affects="training", also=("load_in_4bit", "load_in_8bit"))
    """Bits per weight of the frozen base: 16 (as loaded), 8, or 4 (QLoRA)."""
    kind: Literal["nf4", "fp4"] = setting("nf4", "4-bit kind", affects="training", needs=Needs("quantization.bits", 4))
    """Number format of 4-bit weights; nf4 suits normally distributed weights."""
    double: bool = setting(True, "double quantization", affects="training", needs=Needs("quantization.bits", 4))
    """Quantize the quantization constants too: saves about 0.4 bits a weight."""
    compute_dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto", "compute dtype", affects="training", needs=Needs("quantization.bits", 4), advanced=True
    )
    """Number format of the arithmetic on 4-bit weights; auto follows the training precision."""
