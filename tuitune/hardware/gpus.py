"""Live GPUs through NVML (pynvml, from nvidia-ml-py). Looking never fails: what cannot be known is None."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.hardware.patience import Patience

PATIENCE = 5.0
"""Seconds that a look waits for the driver: one that has slept takes a second or two for each card."""

_RETRY_SECONDS = 30.0
"""NVML that was absent is asked for again after this long: drivers do come back."""


@dataclass(frozen=True)
class GpuProcess:
    """A process that holds memory of a GPU. `user`, `name` and `memory` (bytes) are None where they are hidden; `run`
    is the name of the run that it trains, if it is an engine of tuitune.
    """

    pid: int
    user: str | None
    memory: int | None
    name: str | None
    run: str | None = None


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one MIG slice of it, at one moment; every metric is None where card, driver or permissions withhold
    it.

    Memory in bytes, as nvidia-smi counts it: what the driver keeps for itself is neither used nor free. Utilization in
    percent, temperature in °C, power in W; `capability` is CUDA's (8.0 and up have bfloat16).
    """

    index: int
    uuid: str | None
    name: str
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    utilization: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    capability: tuple[int, int] | None = None
    mig: bool = False
    processes: tuple[GpuProcess, ...] = ()
    """Those that compute; what the others hold, which only draw a desktop, is `graphics_memory`."""
    graphics_memory: int = 0


class Sampler:
    """Reads the GPUs again and again, cheaply: what changes slowly and is slow to read is kept for `slow_seconds`.

    `reason` says why the last sample was empty or lacks a card, in words for a person; it is "" when all is well.
    `certain` is False where the driver or a card does not answer, so that there may be more than was found.
    """

    def __init__(self, *, slow_seconds: float = 5.0) -> None:
        self.reason = ""
        self.certain = True
        self._slow_seconds = slow_seconds
        self._slow: dict[Any, tuple[float, dict[str, Any]]] = {}
        self._nvml: Any = None
        self._retry_at = 0.0
        self._look = Patience(self._read_all)

    def sample(self, patience: float = PATIENCE) -> list[Gpu]:
        """The GPUs as they are now; none while the driver has not answered within `patience` seconds. Never raises.

        A driver that hangs is waited for once: later calls return at once until it answers.
        """
        if self._nvml is None and time.monotonic() < self._retry_at:
            return []
        answer = self._look.ask(patience)
        if answer is None:
            self.certain, self.reason = False, "the NVIDIA driver does not answer"
            return []
        found, self.certain, self.reason = answer
        return found

    def _read_all(self) -> tuple[list[Gpu], bool, str]:
        """The GPUs, whether that is certain, and the reason; runs in a thread of its own."""
        try:
            if self._nvml is None and (refusal := self._connect()):
                return [], True, self._give_up(refusal)
            handles = range(self._nvml.nvmlDeviceGetCount())
        except Exception as error:
            return [], True, self._give_up(_words(self._nvml, error))
        found: list[Gpu] = []
        reason = "" if handles else "the NVIDIA driver sees no GPU"
        certain = True
        for index in handles:
            try:
                found += self._card(index)
            except Exception as error:
                certain, reason = False, f"GPU {index} does not answer: {_words(self._nvml, error)}"
        return found, certain, reason

    def _connect(self) -> str:
        """Find the driver; why there is none, "" where there is."""
        try:
            import pynvml
        except ImportError:
            return "the Python package nvidia-ml-py is not installed"
        try:
            pynvml.nvmlInit()
        except Exception as error:
            return _words(pynvml, error)
        self._nvml = pynvml
        return ""

    def _give_up(self, reason: str) -> str:
        self._nvml = None
        self._slow.clear()
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        return reason

    def _card(self, index: int) -> list[Gpu]:
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        slices = list(self._mig_slices(handle))
        return [self._gpu(index, part, mig=True) for part in slices] or [self._gpu(index, handle, mig=False)]

    def _mig_slices(self, handle: Any) -> Iterator[Any]:
        """The MIG instances of a card that is cut up: what a process can use is a slice, never the card."""
        mode = self._read("nvmlDeviceGetMigMode", handle)
        if not mode or not mode[0]:
            return
        for number in range(self._read("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self._read("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if part is not None:
                yield part

    def _gpu(self, index: int, handle: Any, *, mig: bool) -> Gpu:
        uuid = _text(self._read("nvmlDeviceGetUUID", handle))
        memory = self._memory(handle)
        processes = tuple(self._processes(handle))
        rates = self._read("nvmlDeviceGetUtilizationRates", handle)
        return Gpu(
            index=index,
            uuid=uuid,
            memory_total=_number(memory, "total"),
            memory_used=_number(memory, "used"),
            memory_free=_number(memory, "free"),
            utilization=_number(rates, "gpu"),
            mig=mig,
            processes=processes,
            graphics_memory=self._graphics_memory(handle, processes),
            **self._slow_fields(uuid or index, handle),
        )

    def _memory(self, handle: Any) -> Any:
        """The second version tells what the driver keeps for itself (about 1 GB on large cards) from what is used."""
        second = getattr(self._nvml, "nvmlMemory_v2", None)
        told = self._read("nvmlDeviceGetMemoryInfo", handle, second) if second else None
        return told if told is not None else self._read("nvmlDeviceGetMemoryInfo", handle)

    def _slow_fields(self, key: Any, handle: Any) -> dict[str, Any]:
        now = time.monotonic()
        read_at, fields = self._slow.get(key, (0.0, {}))
        if fields and now - read_at < self._slow_seconds:
            return fields
        sensor = getattr(self._nvml, "NVML_TEMPERATURE_GPU", 0)
        fields = {
            "name": _text(self._read("nvmlDeviceGetName", handle)) or "GPU",
            "temperature": self._read("nvmlDeviceGetTemperature", handle, sensor),
            "power": _watts(self._read("nvmlDeviceGetPowerUsage", handle)),
            "power_limit": _watts(self._read("nvmlDeviceGetEnforcedPowerLimit", handle)),
            "capability": _pair(self._read("nvmlDeviceGetCudaComputeCapability", handle)),
        }
        self._slow[key] = (now, fields)
        return fields

    def _processes(self, handle: Any) -> Iterator[GpuProcess]:
        for entry in self._read("nvmlDeviceGetComputeRunningProcesses", handle) or ():
            user, name, run = _owner(entry.pid)
            yield GpuProcess(entry.pid, user, _number(entry, "usedGpuMemory"), name, run)

    def _graphics_memory(self, handle: Any, computing: Sequence[GpuProcess]) -> int:
        pids = {process.pid for process in computing}
        drawing = self._read("nvmlDeviceGetGraphicsRunningProcesses", handle) or ()
        return sum(_number(entry, "usedGpuMemory") or 0 for entry in drawing if entry.pid not in pids)

    def _read(self, function: str, *arguments: Any) -> Any:
        """One NVML value, None where it is not to be had; raises only for a card that is gone."""
        call: Callable[..., Any] | None = getattr(self._nvml, function, None)
        if call is None:
            return None
        try:
            return call(*arguments)
        except self._nvml.NVMLError as error:
            if error.value in (self._nvml.NVML_ERROR_GPU_IS_LOST, self._nvml.NVML_ERROR_UNINITIALIZED):
                raise
            return None
        except (TypeError, ValueError, OSError):
            return None


_REASONS = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": "no NVIDIA driver on this machine",
    "NVML_ERROR_DRIVER_NOT_LOADED": "the NVIDIA driver is not loaded",
    "NVML_ERROR_NO_PERMISSION": "no permission to ask the NVIDIA driver",
    "NVML_ERROR_OPERATING_SYSTEM": "the system does not let us ask the NVIDIA driver",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": "the NVIDIA driver was updated; it works again after a reboot",
    "NVML_ERROR_GPU_IS_LOST": "the GPU is lost (it fell off the bus); a reboot brings it back",
    "NVML_ERROR_RESET_REQUIRED": "the GPU must be reset",
}


def _words(nvml: Any, error: Exception) -> str:
    code = getattr(error, "value", None)
    for name, words in _REASONS.items():
        if code is not None and code == getattr(nvml, name, None):
            return words
    return f"NVML: {error}"


def _owner(pid: int) -> tuple[str | None, str | None, str | None]:
    """User, name and run of a process; None for those of another container or that are gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        user, name = process.username(), process.name()
    except (psutil.Error, OSError, ValueError):
        return None, None, None
    try:
        return user, name, _trained_run(process.cmdline())
    except (psutil.Error, OSError):
        return user, name, None


def _trained_run(command: Sequence[str]) -> str | None:
    """The name of the run in `python -m tuitune.engine train …/<id>-<name>`."""
    match command[command.index("tuitune.engine") :] if "tuitune.engine" in command else []:
        case [_, "train", directory, *_]:
            return Path(directory).name.partition("-")[2] or None
    return None


def _number(holder: Any, field: str) -> int | None:
    value = getattr(holder, field, None)
    return int(value) if isinstance(value, int | float) else None


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _watts(milliwatts: Any) -> float | None:
    return milliwatts / 1000 if isinstance(milliwatts, int) else None


def _pair(value: Any) -> tuple[int, int] | None:
    return (value[0], value[1]) if value else None
