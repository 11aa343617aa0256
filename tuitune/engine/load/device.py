"""Where training runs and in which number formats."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

import psutil
import torch

from tuitune.engine.process.failures import EngineError, first_line
from tuitune.hardware.fitness import Build, refusal, release
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.hardware.occupancy import candidates, hides_all, visible_devices
from tuitune.planning.forecast.formats import dtypes
from tuitune.recipe.schema import Recipe

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True)
class Precision:
    """The number formats of a run: of the weights as loaded, of 4-bit arithmetic, and of autocast (None: none)."""

    weights: torch.dtype
    compute: torch.dtype
    autocast: torch.dtype | None

    @property
    def is_float16(self) -> bool:
        return torch.float16 in (self.weights, self.autocast)


def row_multiple(formats: Precision, on: torch.device) -> int:
    """To a multiple of how many tokens a flat batch is filled up.

    In 16 bits a CPU makes and keeps a kernel for every new length: memory would grow for as long as such rows come.
    """
    used = (formats.weights, formats.compute, formats.autocast)
    return 64 if on.type == "cpu" and any(dtype is not None and dtype.itemsize < 4 for dtype in used) else 1


def device(recipe: Recipe) -> torch.device:
    """Where this process trains: on the GPU that it was given, or on the CPU where it was given none.

    EngineError where torch cannot compute on that GPU: a run never moves to the CPU by itself.
    """
    visible = visible_devices()
    if recipe.hardware.gpu == "cpu" or hides_all(visible):
        return torch.device("cpu")
    if (reason := _why_unusable(visible)) is not None:
        remedy = 'To train on the CPU instead, set hardware.gpu = "cpu".'
        raise EngineError(f"this run was given a GPU that torch cannot use: {reason}. {remedy}")
    return torch.device("cuda", 0)


def _why_unusable(visible: str | None) -> str | None:
    """What keeps torch from the GPU that this process may see, and what helps; None where nothing does."""
    build = Build(
        torch.__version__,
        release(torch.version.cuda) if torch.version.cuda else None,
        tuple(torch.cuda.get_arch_list()),
    )
    if torch.cuda.is_available():
        name, capability = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0)
        return refusal(Gpu(0, visible, name, capability=capability), build) or None
    sampler = GpuSampler()
    found = candidates(sampler.sample(), "auto", visible)
    card = found[0] if found else Gpu(0, visible, "the GPU")
    if told := refusal(card, build):
        return told
    driver = f"driver {card.driver}" if card.driver else sampler.reason or "driver not known"
    return f"{_cuda_says()} ({build.title}, {driver}); `tuitune doctor` checks driver and torch"


def _cuda_says() -> str:
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return "torch finds no CUDA device"


def precision(recipe: Recipe, on: torch.device) -> Precision:
    """The formats that the recipe asks for on this device. EngineError where it cannot train in them."""
    modern = on.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    told = dtypes(recipe, "cpu" if on.type == "cpu" else "cuda", modern=modern)
    if on.type == "cpu" and told.autocast == "float16":
        key = "model.dtype" if told.weights == "float16" else "training.precision"
        raise EngineError(f"{key}: training in float16 needs a GPU; choose bfloat16 or float32 on a CPU")
    return Precision(DTYPES[told.weights], DTYPES[told.compute], DTYPES.get(told.autocast))


class Memory:
    """The memory of the device that a run trains on, from now on: its peaks so far, loading included, are forgotten.

    A GPU's peaks are those of training, to be held against a forecast; a process keeps one peak for its whole life.
    """

    def __init__(self, on: torch.device) -> None:
        self._on = on
        self._context: int | None = None
        if on.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(on)
            self._context = _context(on)

    def figures(self) -> dict[str, int]:
        """Bytes in use now and at their peak: of the GPU's tensors, or of this process where there is no GPU.

        On a GPU also what the allocator has reserved at its peak, and where the driver tells it, what CUDA itself takes
        (context and libraries): both together are what this process holds of the card.
        """
        if self._on.type != "cuda":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            return {"memory_bytes": psutil.Process().memory_info().rss, "peak_memory_bytes": peak}
        figures = {
            "memory_bytes": torch.cuda.memory_allocated(self._on),
            "peak_memory_bytes": torch.cuda.max_memory_allocated(self._on),
            "reserved_memory_bytes": torch.cuda.max_memory_reserved(self._on),
        }
        return figures if self._context is None else {**figures, "context_memory_bytes": self._context}


def give_back_memory() -> None:
    """After something failed for lack of memory: what it had taken is free for what comes next."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _context(on: torch.device) -> int | None:
    """Bytes that this process holds of a GPU beside its tensors; None where none is told, as often in containers."""
    mine = [
        process.memory
        for gpu in GpuSampler().sample()
        for process in gpu.processes
        if process.pid == os.getpid() and process.memory is not None
    ]
    return max(sum(mine) - torch.cuda.memory_reserved(on), 0) if mine else None


def describe(on: torch.device) -> str:
    """The device as a person knows it: `NVIDIA H200`, `CPU, 2 threads`."""
    return torch.cuda.get_device_name(on) if on.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
