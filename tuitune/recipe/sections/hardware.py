"""The [hardware] table: where it is trained."""

from __future__ import annotations

import re

from tuitune.recipe.declaration import Section, rule, setting
from tuitune.recipe.values import shown

_DEVICE = re.compile(r"auto|cpu|\d{1,3}|(GPU|MIG)-[A-Za-z0-9/-]{4,80}")


class HardwareSection(Section):
    """Hardware"""

    gpu: str = setting(
        "auto",
        "device",
        affects="device",
        picked="device",
        expected="auto, cpu, a GPU's number or its UUID",
        min_length=1,
    )
    """Where to train: a GPU's number or UUID from `tuitune gpus`, cpu, or auto. auto takes the first free GPU, and the
    CPU only for a small model on a machine that certainly has no GPU."""
    share: bool = setting(False, "share the device", affects="nothing")
    """Start even if other programs use the GPU or another run trains on the CPU; otherwise the run waits until they are
    done."""

    @rule("gpu")
    def _device(self) -> str | None:
        if not _DEVICE.fullmatch(self.gpu):
            return f"{shown(self.gpu)} is not a device; write auto, cpu, or a number or UUID from `tuitune gpus`"
        return None
