"""The [quantization] table: how many bits a weight of the frozen base has."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Entails, Needs, Section, setting


class QuantizationSection(Section):
    """Quantization"""

    bits: Literal[16, 8, 4] = setting(
        16,
        "bits",
        "Bits per weight of the frozen base: 16 (as loaded), 8, or 4 (QLoRA).",
        Entails("training"),
        also=("load_in_4bit", "load_in_8bit"),
    )
    kind: Literal["nf4", "fp4"] = setting(
        "nf4",
        "4-bit kind",
        "Number format of 4-bit weights; nf4 suits normally distributed weights.",
        Entails("training", needs=Needs("quantization.bits", 4)),
    )
    double: bool = setting(
        True,
        "double quantization",
        "Quantize the quantization constants too: saves about 0.4 bits a weight.",
        Entails("training", needs=Needs("quantization.bits", 4)),
    )
    compute_dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto",
        "compute dtype",
        "Number format of the arithmetic on 4-bit weights; auto follows the training precision.",
        Entails("training", needs=Needs("quantization.bits", 4)),
        advanced=True,
    )
