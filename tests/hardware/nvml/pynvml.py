"""A stand-in for NVIDIA's pynvml with cards made of dictionaries; a value that is an NVMLError is raised.

Other processes find it by PYTHONPATH and read their cards from the JSON file that FAKE_NVML names, anew for each look.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NO_PERMISSION = 4
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_TIMEOUT = 10
NVML_ERROR_LIBRARY_NOT_FOUND = 12
NVML_ERROR_FUNCTION_NOT_FOUND = 13
NVML_ERROR_GPU_IS_LOST = 15
NVML_ERROR_RESET_REQUIRED = 16
NVML_ERROR_OPERATING_SYSTEM = 17
NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18
NVML_ERROR_IN_USE = 19
NVML_ERROR_MEMORY = 20
NVML_ERROR_UNKNOWN = 999
NVML_COMPUTEMODE_PROHIBITED = 2
NVML_COMPUTEMODE_EXCLUSIVE_PROCESS = 3
NVML_TEMPERATURE_GPU = 0
nvmlMemory_v2 = 0x02000028  # noqa: N816

state: dict[str, Any] = {"init": None, "cards": [], "hang": 0.0, "driver": None, "cuda": None}
calls: list[str] = []


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


def from_file(path: str) -> None:
    """Take the state of a JSON file: {"init", "hang" (seconds), "cards": [{…, "memory": [total, used], "processes":
    [[pid, bytes]], "lost": code}]}.
    """
    fresh = {"init": None, "hang": 0.0, "cards": [], "driver": None, "cuda": None}
    state.update(fresh, **json.loads(Path(path).read_text()))
    for card in state["cards"]:
        card["memory"] = memory(*card["memory"])
        pairs = card.get("processes", [])
        card["processes"] = [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in pairs]
        if "lost" in card:
            card["lost"] = NVMLError(card["lost"])


def nvmlInit() -> None:  # noqa: N802
    if "FAKE_NVML" in os.environ:
        from_file(os.environ["FAKE_NVML"])
    if state["init"] is not None:
        raise NVMLError(state["init"])


def nvmlDeviceGetCount() -> int:  # noqa: N802
    calls.append("count")
    if "FAKE_NVML" in os.environ:
        from_file(os.environ["FAKE_NVML"])
    time.sleep(state["hang"])
    return len(state["cards"])


def nvmlSystemGetDriverVersion() -> Any:  # noqa: N802
    return state["driver"]


def nvmlSystemGetCudaDriverVersion_v2() -> Any:  # noqa: N802
    return state["cuda"]


def nvmlDeviceGetHandleByIndex(index: int) -> dict[str, Any]:  # noqa: N802
    return state["cards"][index]


def _reader(field: str) -> Any:
    def read(card: dict[str, Any], *_: Any) -> Any:
        calls.append(field)
        for value in (card.get("lost"), card.get(field, NVMLError(NVML_ERROR_NOT_SUPPORTED))):
            if isinstance(value, NVMLError):
                raise value
        return card[field]

    return read


nvmlDeviceGetName = _reader("name")  # noqa: N816
nvmlDeviceGetUUID = _reader("uuid")  # noqa: N816
nvmlDeviceGetMemoryInfo = _reader("memory")  # noqa: N816
nvmlDeviceGetUtilizationRates = _reader("rates")  # noqa: N816
nvmlDeviceGetTemperature = _reader("temperature")  # noqa: N816
nvmlDeviceGetPowerUsage = _reader("power")  # noqa: N816
nvmlDeviceGetEnforcedPowerLimit = _reader("power_limit")  # noqa: N816
nvmlDeviceGetCudaComputeCapability = _reader("capability")  # noqa: N816
nvmlDeviceGetComputeRunningProcesses = _reader("processes")  # noqa: N816
nvmlDeviceGetGraphicsRunningProcesses = _reader("graphics")  # noqa: N816
nvmlDeviceGetMigMode = _reader("mig_mode")  # noqa: N816
nvmlDeviceGetComputeMode = _reader("mode")  # noqa: N816
nvmlDeviceGetDisplayMode = _reader("attached")  # noqa: N816
nvmlDeviceGetDisplayActive = _reader("active")  # noqa: N816


def nvmlDeviceGetMaxMigDeviceCount(card: dict[str, Any]) -> int:  # noqa: N802
    return len(card["slices"])


def nvmlDeviceGetMigDeviceHandleByIndex(card: dict[str, Any], index: int) -> dict[str, Any]:  # noqa: N802
    if card["slices"][index] is None:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    return card["slices"][index]


def memory(total: int, used: int) -> SimpleNamespace:
    return SimpleNamespace(total=total, used=used, free=total - used)
