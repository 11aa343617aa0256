"""Machines with the cards that people have: what NVML says of them, the torch that is installed, and what is to come of
it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

from tuitune.hardware.fitness import Build

GIB = 2**30


def _sm(*codes: int) -> tuple[str, ...]:
    return tuple(f"sm_{code}" for code in codes)


DEFAULT = Build("2.13.0+cu130", (13, 0), _sm(75, 80, 86, 90, 100, 120))
OLDER = Build("2.13.0+cu126", (12, 6), _sm(50, 60, 70, 75, 80, 86, 90))
CPU_ONLY = Build("2.13.0+cpu", None)


@dataclass(frozen=True)
class Profile:
    """A machine: its cards as NVML tells of them (memory as [total, used] in GiB), its driver and its torch.

    `device`: the one that a run gets by itself, None where it waits. `refused`: words of the error before a launch, ()
    where there is none. `bfloat16`: what that device has in hardware.
    """

    cards: list[dict[str, Any]]
    driver: str = "580.65.06"
    cuda: int = 13000
    build: Build = DEFAULT
    device: str | None = "GPU-0"
    refused: tuple[str, ...] = ()
    bfloat16: bool = True
    capability: tuple[int, int] = field(default=(8, 0))

    def show(self, nvml: ModuleType) -> None:
        """Let the stand-in for NVML tell of this machine."""
        nvml.state.update(driver=self.driver, cuda=self.cuda, cards=[_told(nvml, card) for card in self.cards])


def _told(nvml: ModuleType, card: dict[str, Any]) -> dict[str, Any]:
    total, used = card.get("memory", [24, 0])
    processes = [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in card.get("processes", [])]
    slices = [_told(nvml, part) for part in card.get("slices", [])]
    memory = nvml.memory(int(total * GIB), int(used * GIB))
    return {**card, "memory": memory, "processes": processes, "slices": slices}


def _card(name: str, capability: tuple[int, int], number: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "uuid": f"GPU-{number}", "capability": capability, **more}


_SLICE = {"name": "NVIDIA H100 MIG 1g.10gb", "uuid": "MIG-7", "memory": [10, 0]}
_A100 = _card("NVIDIA A100-SXM4-80GB", (8, 0), memory=[80, 0])
_V100 = _card("Tesla V100-SXM2-16GB", (7, 0), memory=[16, 0])
_NO_V100 = ("Tesla V100", "7.0", "cu126 wheel", "torch==2.13.0+cu126")

PROFILES = {
    "T4": Profile([_card("Tesla T4", (7, 5), memory=[15, 0])], bfloat16=False, capability=(7, 5)),
    "V100": Profile([_V100], refused=_NO_V100, bfloat16=False, capability=(7, 0)),
    "V100-cu126": Profile([_V100], build=OLDER, bfloat16=False, capability=(7, 0)),
    "A10G": Profile([_card("NVIDIA A10G", (8, 6), memory=[22, 0])], capability=(8, 6)),
    "RTX-4060": Profile(
        [_card("NVIDIA GeForce RTX 4060", (8, 9), memory=[8, 0.4], active=1)], capability=(8, 9), driver="590.10"
    ),
    "A100": Profile([_A100]),
    "H100": Profile([_card("NVIDIA H100 80GB HBM3", (9, 0), memory=[80, 0])], capability=(9, 0)),
    "MIG": Profile(
        [_card("NVIDIA H100 80GB HBM3", (9, 0), mig_mode=[1, 1], slices=[_SLICE])], device="MIG-7", capability=(9, 0)
    ),
    "old-driver": Profile(
        [_A100],
        driver="535.183.01",
        cuda=12020,
        refused=("driver 535.183.01", "CUDA 12.2", "CUDA 13.0", "580 or newer", "torch==2.13.0+cu126"),
    ),
    "old-driver-cu126": Profile([_A100], driver="535.183.01", cuda=12020, build=OLDER),
    "oldest-driver": Profile([_A100], driver="470.57", cuda=11040, build=OLDER, refused=("470.57", "525 or newer")),
    "two": Profile([_V100, {**_A100, "uuid": "GPU-1"}], device="GPU-1"),
    "desktop": Profile(
        [_card("NVIDIA GeForce RTX 3090", (8, 6), memory=[24, 1.6], attached=1)], capability=(8, 6)
    ),
    "exclusive": Profile([{**_A100, "mode": 3}]),
    "exclusive-in-use": Profile([{**_A100, "mode": 3, "processes": [(1, GIB // 64)]}], device=None),
    "prohibited": Profile([{**_A100, "mode": 2}], refused=("PROHIBITED", "nvidia-smi -i 0 -c DEFAULT")),
    "Blackwell-cu126": Profile(
        [_card("NVIDIA GeForce RTX 5090", (12, 0), memory=[32, 0])],
        build=OLDER,
        refused=("RTX 5090", "12.0", "cu130 wheel"),
        capability=(12, 0),
    ),
    "Kepler": Profile(
        [_card("Tesla K80", (3, 7))], build=OLDER, refused=("K80", "choose another GPU"), bfloat16=False,
        capability=(3, 7),
    ),
    "MIG-uncut": Profile([{**_A100, "mig_mode": [1, 1], "slices": []}], refused=("MIG is on", "-mig 0")),
    "torch-without-CUDA": Profile(
        [_A100], build=CPU_ONLY, refused=("without CUDA", "580.65.06", "CUDA 13.0", "torch==2.13.0+cu130")
    ),
}  # fmt: skip
