"""What is told of the libraries from their files, compared with the libraries."""

from __future__ import annotations

import peft.utils.transformers_weight_conversion as conversion
import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from tuitune.planning.checks.libraries import classes, trainable_quantization, writes
from tuitune.planning.targets import EXPERT_PARAMETERS


def test_the_types_that_write_are_those_of_transformers() -> None:
    assert classes() == dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert writes("llama") and writes("gemma3") and not writes("mistral3") and not writes("t5")


def test_every_way_to_store_weights_can_be_loaded_or_says_why_not() -> None:
    reasons = {method: trainable_quantization(method) for method in AUTO_QUANTIZER_MAPPING}
    assert {"awq", "gptq", "fbgemm_fp8", "quark", "gguf"} <= {method for method, reason in reasons.items() if reason}
    assert reasons["mxfp4"] is reasons["fp8"] is trainable_quantization("bitsandbytes") is None
    assert "gptqmodel" in str(reasons["gptq"]) and "installed" in str(reasons["gptq"])
    assert "16-bit" in str(trainable_quantization("somebody's own"))


@pytest.mark.parametrize("like", ["mixtral", "qwen2_moe"])
def test_names_taken_for_experts_are_those_of_peft(like: str) -> None:
    kinds = {kind for kind, pattern in conversion._MODEL_TO_CONVERSION_PATTERN.items() if pattern == like}
    names = conversion._MOE_TARGET_MODULE_MAPPING[like]
    expected = {name: part.removesuffix(".weight") for name, part in names.items()}
    assert {kind for kind, names in EXPERT_PARAMETERS.items() if names == expected} == kinds
