"""The environment of every process that imports torch."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tuitune.hardware.gpus import GpuSampler
from tuitune.hardware.models import hub_cache
from tuitune.paths import user_home

_ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
"""Where torch reads the settings of its GPU allocator: what the user has set in any of them stands."""


def prepare_environment() -> None:
    """Library switches that must be set before the first import: no pickled weights, no telemetry, no bars in the log.

    GPU memory is taken in segments that grow, for rows of another length every step leave gaps between fixed ones. One
    GPU, the first that may be used, for trl refuses to spread over several without a launcher. And threads that
    sleep while they wait for each other: on a machine that others use too, spinning ones cost several times the work.
    Nothing here is compiled by torch; only importing what would do it takes a fifth of an engine's start.
    """
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = _first_gpu() if visible is None else visible.split(",")[0]
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if not any(name in os.environ for name in _ALLOCATOR):
        os.environ[_ALLOCATOR[0]] = "expandable_segments:True"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    if user_home() is None:
        os.environ.setdefault("HF_HOME", str(hub_cache().parent))


def _first_gpu() -> str:
    """For an engine that no supervisor has given a device: "" where this machine surely has no GPU."""
    sampler = GpuSampler()
    return "0" if sampler.sample() or not sampler.certain else ""


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Entered for the imports of an engine: hundreds of thousands of objects, all of which stay, so that looking for
    garbage among them then (a sixth of the time), or ever again, is in vain.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
