"""Which GPUs a run may take, and who is at work on one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.text import clean
from tuitune.units import bytes_text

SPARE = 1 << 30
"""Bytes in use below which a GPU counts as free: an idle context holds less, training holds more."""

DESKTOP = 2 << 30
"""The same where a desktop is drawn: what it holds need not be told, and under WSL is not."""

_MPS = "nvidia-cuda-mps-server"
"""The one process of an exclusive card that computes for any number of others."""

_HIDING = ("", "-1", "none", "void", "nodevfiles")

_SHOWN = 2
_NAME_LIMIT = 60


def visible_devices() -> str | None:
    """CUDA_VISIBLE_DEVICES of this process: which GPUs its programs are to see; None for all."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def hides_all(visible: str | None) -> bool:
    """Whether CUDA_VISIBLE_DEVICES is set so as to hide every GPU, as people and Slurm do, rather than to name some."""
    return visible is not None and visible.split(",")[0].strip().lower() in _HIDING


def candidates(found: Sequence[Gpu], wanted: str, visible: str | None) -> list[Gpu]:
    """The GPUs of `found` that a run may train on, the preferred ones first.

    `wanted` is the recipe's hardware.gpu: a number or the beginning of a UUID names one; "auto" means those that
    `visible` (CUDA_VISIBLE_DEVICES) names, in its order, and all where it is None. None for "cpu".
    """
    if wanted == "cpu":
        return []
    if wanted != "auto":
        return _named(found, wanted)
    if visible is None:
        return list(found)
    allowed: list[Gpu] = []
    for name in visible.split(","):
        named = _named(found, name.strip())
        if not named:  # CUDA, too, stops reading at the first name that is none
            break
        allowed += [gpu for gpu in named if gpu not in allowed]
    return allowed


def training_gpu(found: Sequence[Gpu], wanted: str = "auto") -> Gpu | None:
    """The GPU that a run started now by this process would get: its first candidate that nobody is at work on, or else
    the first for which it would wait. None where it would train on the processor.
    """
    allowed = candidates(found, wanted, visible_devices())
    return next((gpu for gpu in allowed if not is_taken(gpu)), next(iter(allowed), None))


def _named(found: Sequence[Gpu], name: str) -> list[Gpu]:
    if name.isdecimal():
        return [gpu for gpu in found if gpu.index == int(name)]
    return [gpu for gpu in found if name and (gpu.uuid or "").startswith(name)]


def title(gpu: Gpu) -> str:
    """`GPU 0 (NVIDIA H200)`."""
    return f"GPU {gpu.index} ({clean(gpu.name, limit=_NAME_LIMIT)})"


def is_taken(gpu: Gpu) -> bool:
    """Whether somebody is at work on a GPU, going by its memory in use: that counts hidden processes too.

    A desktop is no work. On a card in exclusive mode whoever computes is in the way, with however little memory.
    """
    if is_exclusive(gpu) and gpu.processes:
        return True
    known = sum(process.memory or 0 for process in gpu.processes)
    if gpu.memory_used is None:
        return known >= SPARE or any(process.memory is None for process in gpu.processes)
    return known >= SPARE or gpu.memory_used - gpu.graphics_memory >= (DESKTOP if gpu.display else SPARE)


def is_exclusive(gpu: Gpu) -> bool:
    """Whether only one process may compute on a GPU at a time."""
    return gpu.mode == "exclusive" and all(process.name != _MPS for process in gpu.processes)


def users_text(gpu: Gpu) -> str:
    """Who is at work on a GPU: `anna: python, 23.1 GB and a process not visible from here, 4.0 GB`."""
    least = 0 if is_exclusive(gpu) else SPARE // 8
    users = [process for process in gpu.processes if process.memory is None or process.memory >= least]
    users.sort(key=lambda process: -(process.memory or 0))
    told = [_process_text(process) for process in users[:_SHOWN]]
    if len(users) > _SHOWN:
        told.append(f"{len(users) - _SHOWN} more")
    rest = (gpu.memory_used or 0) - gpu.graphics_memory - sum(process.memory or 0 for process in gpu.processes)
    if rest >= (DESKTOP if gpu.display else SPARE) and all(process.memory is not None for process in users):
        told.append(f"a process not visible from here, {bytes_text(rest)}")
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))


def _process_text(process: GpuProcess) -> str:
    user, name = clean(process.user or "", limit=_NAME_LIMIT), clean(process.name or "", limit=_NAME_LIMIT)
    program = f"the run {clean(process.run, limit=_NAME_LIMIT)}" if process.run else name
    who = ": ".join(filter(None, (user, program))) or "a process not visible from here"
    return who if process.memory is None else f"{who}, {bytes_text(process.memory)}"
