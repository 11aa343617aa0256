"""What an engine decides for each kind of card, and what it does not do on a CPU unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine.support import Carry
from tests.hardware.profiles import PROFILES, Profile
from tuitune.engine import train
from tuitune.engine.load.device import Precision, precision
from tuitune.hardware.model_facts import read_facts
from tuitune.hardware.models import locate
from tuitune.planning.checks import device
from tuitune.recipe.schema import Recipe

GPU = torch.device("cuda", 0)
USABLE = {name: profile for name, profile in PROFILES.items() if profile.device and not profile.refused}


@pytest.mark.parametrize("profile", USABLE.values(), ids=USABLE)
def test_formats_and_arguments(profile: Profile, prepared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.training_args as arguments
    from transformers.utils import import_utils

    from tuitune.engine.objectives.sft import configuration

    major, minor = profile.capability
    properties = SimpleNamespace(major=major, minor=minor, name="a card")
    for name, answer in {
        "is_available": True,
        "current_device": 0,
        "get_device_properties": properties,
        "get_device_capability": (major, minor),
        "get_arch_list": list(profile.build.architectures),
        "_check_bf16_tensor_supported": True,  # emulation, which every card can
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    if hasattr(cached := import_utils.is_torch_tf32_available, "cache_clear"):
        cached.cache_clear()
    monkeypatch.setattr(arguments.TrainingArguments, "device", torch.device("cpu"))
    monkeypatch.setattr(arguments, "enable_tf32", lambda enable: None)
    half = torch.bfloat16 if profile.bfloat16 else torch.float16
    formats = precision(Recipe(), GPU)
    assert formats == Precision(half, half, half)
    made = configuration(Recipe(), prepared(), formats, GPU)
    assert (made.bf16, made.fp16, made.tf32) == (profile.bfloat16, not profile.bfloat16, profile.bfloat16 or None)


@pytest.mark.parametrize("told", [True, False], ids=["by its files", "once it is loaded"])
def test_a_large_model_does_not_start_on_the_cpu_unasked(
    carried: Carry, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Also where its size is known to the engine alone, as after a download."""
    monkeypatch.setattr(device, "CPU_MODEL", 1000)
    if not told:
        untold = replace(read_facts(locate("bundled:nano") or Path()), parameters=None)
        monkeypatch.setattr(train, "read_facts", lambda folder: untold)
    outcome = carried()
    assert outcome.code == 1
    assert str(outcome.reason).startswith("hardware.gpu: ")
    assert 'set it to "cpu"' in str(outcome.reason)
    assert not outcome.records("step")


def test_a_large_model_trains_on_the_cpu_where_the_recipe_says_so(
    carried: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "CPU_MODEL", 1000)
    assert carried(hardware__gpu="cpu", training__max_steps=1).code == 0
