"""Live GPUs through NVML (pynvml, from nvidia-ml-py). Looking never fails: what cannot be known is None."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tuitune.hardware.timed_call import TimedCall

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
    percent, temperature in °C, power in W; `capability` is CUDA's (8.0 and up have bfloat16). `driver` is the driver's
    version, and `cuda` the newest CUDA that it supports.
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
    driver: str | None = None
    cuda: tuple[int, int] | None = None
    mode: Literal["default", "exclusive", "prohibited", "uncut"] = "default"
    """How many processes may compute here: any number, one, none, or none as MIG is on and no slice has been made."""
    display: bool = False
    """Whether it draws a desktop, whose memory need not be told: a screen is attached, or Windows has it (WSL)."""
    mig: bool = False
    processes: tuple[GpuProcess, ...] = ()
    """Those that compute; what the others hold, which only draw a desktop, is `graphics_memory`."""
    graphics_memory: int = 0


_Answer: TypeAlias = "tuple[list[Gpu], bool, str, bool]"


class GpuSampler:
    """Reads the GPUs again and again, cheaply: what changes slowly and is slow to read is kept for `slow_seconds`.

    `reason` says why the last sample was empty or lacks a card, in words for a person; it is "" when all is well.
    `certain` is False where there may be more than was found: the driver or a card does not answer, refuses, or is
    about to come back. A machine certainly has no GPU where neither NVIDIA's library nor a device file is there.
    `blind` is True where only the device file is. Files are looked for under `root`.
    """

    def __init__(self, *, slow_seconds: float = 5.0, root: Path = Path("/")) -> None:
        self.reason = ""
        self.certain = True
        self.blind = False
        self._slow_seconds = slow_seconds
        self._root = root
        self._slow: dict[Any, tuple[float, dict[str, Any]]] = {}
        self._nvml: Any = None
        self._retry_at = 0.0
        self._gave_up: _Answer | None = None
        self._look = TimedCall(self._read_all)

    def sample(self, patience: float = PATIENCE) -> list[Gpu]:
        """The GPUs as they are now; none while the driver has not answered within `patience` seconds. Never raises.

        A driver that hangs is waited for once: later calls return at once until it answers.
        """
        waits = self._nvml is None and time.monotonic() < self._retry_at
        answer = self._gave_up if waits else self._look.ask(patience)
        if answer is None:
            self.certain, self.reason, self.blind = False, "the NVIDIA driver does not answer", False
            return []
        found, self.certain, self.reason, self.blind = answer
        return found

    def _read_all(self) -> _Answer:
        """The GPUs, whether these are certainly all, the reason, and blindness; runs in a thread of its own."""
        try:
            handles = range(self._connected().nvmlDeviceGetCount())
        except Exception as error:
            self._gave_up = self._give_up(error)
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return self._gave_up
        found: list[Gpu] = []
        reason = "" if handles else "the NVIDIA driver sees no GPU"
        certain = bool(handles)
        for index in handles:
            try:
                found += self._card(index)
            except Exception as error:
                certain, reason = False, f"GPU {index} does not answer: {_words(self._nvml, error)}"
        return found, certain, reason, False

    def _connected(self) -> Any:
        if self._nvml is None:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        return self._nvml

    def _give_up(self, error: Exception) -> _Answer:
        self._nvml = None
        self._slow.clear()
        nvml = sys.modules.get("pynvml")
        if not isinstance(error, ImportError) and not _is(nvml, error, "NVML_ERROR_LIBRARY_NOT_FOUND"):
            return [], False, _words(nvml, error), False
        reason = "the Python package nvidia-ml-py is not installed" if nvml is None else _words(nvml, error)
        if (trace := _trace(self._root)) is None:
            return [], True, reason, False
        lacks = f"{reason}, although {trace} is here" if nvml is None else f"{trace} is here without {_LIBRARY}"
        return [], False, lacks, True

    def _card(self, index: int) -> list[Gpu]:
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        mode = self._read("nvmlDeviceGetMigMode", handle)
        if not mode or not mode[0]:
            return [self._gpu(index, handle, handle)]
        slices = [self._gpu(index, part, handle) for part in self._mig_slices(handle)]
        return slices or [replace(self._gpu(index, handle, handle), mode="uncut")]

    def _mig_slices(self, handle: Any) -> Iterator[Any]:
        """The MIG instances of a card that is cut up: what a process can use is a slice, never the card."""
        for number in range(self._read("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self._read("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if part is not None:
                yield part

    def _gpu(self, index: int, handle: Any, card: Any) -> Gpu:
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
            mig=handle is not card,
            processes=processes,
            graphics_memory=self._graphics_memory(handle, processes),
            **self._slow_fields(uuid or index, handle, card),
        )

    def _memory(self, handle: Any) -> Any:
        """The second version tells what the driver keeps for itself (about 1 GB on large cards) from what is used."""
        second = getattr(self._nvml, "nvmlMemory_v2", None)
        told = self._read("nvmlDeviceGetMemoryInfo", handle, second) if second else None
        return told if told is not None else self._read("nvmlDeviceGetMemoryInfo", handle)

    def _slow_fields(self, key: Any, handle: Any, card: Any) -> dict[str, Any]:
        """What a slice does not tell of itself, its card tells."""
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
            "capability": _pair(self._read("nvmlDeviceGetCudaComputeCapability", card)),
            "driver": _text(self._read("nvmlSystemGetDriverVersion")),
            "cuda": _cuda(self._read("nvmlSystemGetCudaDriverVersion_v2")),
            "mode": self._mode(card),
            "display": self._draws(card),
        }
        self._slow[key] = (now, fields)
        return fields

    def _mode(self, handle: Any) -> str:
        modes = {"NVML_COMPUTEMODE_EXCLUSIVE_PROCESS": "exclusive", "NVML_COMPUTEMODE_PROHIBITED": "prohibited"}
        told = self._read("nvmlDeviceGetComputeMode", handle)
        return next((words for name, words in modes.items() if told == getattr(self._nvml, name, -1)), "default")

    def _draws(self, handle: Any) -> bool:
        told = [self._read(f"nvmlDeviceGetDisplay{kind}", handle) for kind in ("Mode", "Active")]
        return any(told) or (self._root / "dev/dxg").exists()

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
    "NVML_ERROR_UNINITIALIZED": "the NVIDIA driver is not ready",
    "NVML_ERROR_TIMEOUT": "the NVIDIA driver does not answer",
    "NVML_ERROR_DRIVER_NOT_LOADED": "the NVIDIA driver is not loaded",
    "NVML_ERROR_NO_PERMISSION": "no permission to query the NVIDIA driver",
    "NVML_ERROR_OPERATING_SYSTEM": "the system denies access to the NVIDIA driver",
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": "the NVIDIA driver was updated; it works again after a reboot",
    "NVML_ERROR_GPU_IS_LOST": "the GPU is lost (it fell off the bus); a reboot brings it back",
    "NVML_ERROR_RESET_REQUIRED": "the GPU must be reset",
}


_LIBRARY = "libnvidia-ml.so.1 (a container needs NVIDIA_DRIVER_CAPABILITIES=compute,utility)"
_TRACES = ("dev/nvidia[0-9]*", "dev/nvidia*", "dev/nvhost-gpu", "usr/lib/wsl/lib/libcuda.so*")
"""Files that a machine has whose GPU can be used: a PC or server, a Jetson, Windows' subsystem for Linux."""


def _trace(root: Path) -> Path | None:
    """The file that shows that there is a GPU, where NVIDIA's library is not there to say so."""
    return next((Path("/", file.relative_to(root)) for kind in _TRACES for file in sorted(root.glob(kind))), None)


def _words(nvml: Any, error: Exception) -> str:
    return next((words for name, words in _REASONS.items() if _is(nvml, error, name)), f"NVML: {error}")


def _is(nvml: Any, error: Exception, name: str) -> bool:
    return getattr(error, "value", None) == getattr(nvml, name, object())


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


def _cuda(value: Any) -> tuple[int, int] | None:
    """NVML writes CUDA 12.8 as 12080."""
    return (value // 1000, value % 1000 // 10) if isinstance(value, int) and value > 0 else None
