"""A stand-in for NVIDIA's pynvml with cards made of dictionaries; a value that is an NVMLError is raised."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NO_PERMISSION = 4
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_LIBRARY_NOT_FOUND = 12
NVML_ERROR_GPU_IS_LOST = 15
NVML_TEMPERATURE_GPU = 0

state: dict[str, Any] = {"init": None, "cards": []}
calls: list[str] = []


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


def nvmlInit() -> None:  # noqa: N802
    if state["init"] is not None:
        raise NVMLError(state["init"])


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return len(state["cards"])


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
nvmlDeviceGetMigMode = _reader("mig_mode")  # noqa: N816


def nvmlDeviceGetMaxMigDeviceCount(card: dict[str, Any]) -> int:  # noqa: N802
    return len(card["slices"])


def nvmlDeviceGetMigDeviceHandleByIndex(card: dict[str, Any], index: int) -> dict[str, Any]:  # noqa: N802
    if card["slices"][index] is None:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    return card["slices"][index]


def memory(total: int, used: int) -> SimpleNamespace:
    return SimpleNamespace(total=total, used=used, free=total - used)
