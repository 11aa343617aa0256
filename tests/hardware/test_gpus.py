from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from tuitune.hardware.gpus import Gpu, GpuProcess, Sampler, gpus, training_gpu


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stand-in library, found by `import pynvml` as the real one would be."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "nvml"))
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    module = importlib.import_module("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def card(nvml: ModuleType, **changes: Any) -> dict[str, Any]:
    full = {
        "name": b"NVIDIA H200",
        "uuid": "GPU-1",
        "memory": nvml.memory(150_000, 50_000),
        "rates": SimpleNamespace(gpu=87, memory=3),
        "temperature": 61,
        "power": 412_500,
        "power_limit": 700_000,
        "capability": (9, 0),
        "processes": [SimpleNamespace(pid=os.getpid(), usedGpuMemory=40_000)],
        "mig_mode": [0, 0],
    }
    return {**full, **changes}


def test_a_card_with_all_its_metrics_and_processes(nvml: ModuleType) -> None:
    nvml.state["cards"] = [card(nvml)]
    sampler = Sampler()
    (gpu,) = sampler.sample()
    assert sampler.reason == ""
    assert (gpu.index, gpu.name, gpu.uuid, gpu.capability, gpu.mig) == (0, "NVIDIA H200", "GPU-1", (9, 0), False)
    assert (gpu.memory_total, gpu.memory_used, gpu.memory_free) == (150_000, 50_000, 100_000)
    assert (gpu.utilization, gpu.temperature, gpu.power, gpu.power_limit) == (87, 61, 412.5, 700)
    me = psutil.Process()
    assert gpu.processes == (GpuProcess(os.getpid(), me.username(), 40_000, me.name()),)


def test_every_metric_may_be_withheld(nvml: ModuleType) -> None:
    nvml.state["cards"] = [
        {"rates": SimpleNamespace(gpu=None), "processes": [SimpleNamespace(pid=2**30, usedGpuMemory=None)]}
    ]
    (gpu,) = gpus()
    assert gpu.name == "GPU"
    assert gpu.processes == (GpuProcess(2**30, None, None, None),)
    for field in (
        "uuid",
        "memory_total",
        "memory_free",
        "utilization",
        "temperature",
        "power",
        "power_limit",
        "capability",
    ):
        assert getattr(gpu, field) is None


def test_what_is_slow_to_read_is_read_once_in_a_while(nvml: ModuleType) -> None:
    nvml.state["cards"] = [card(nvml)]
    patient, eager = Sampler(slow_seconds=3600), Sampler(slow_seconds=0)
    for _ in range(3):
        patient.sample()
    assert nvml.calls.count("power") == nvml.calls.count("temperature") == 1
    assert nvml.calls.count("memory") == 3
    for _ in range(3):
        eager.sample()
    assert nvml.calls.count("power") == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NVML_ERROR_LIBRARY_NOT_FOUND", "no NVIDIA driver on this machine"),
        ("NVML_ERROR_DRIVER_NOT_LOADED", "the NVIDIA driver is not loaded"),
        ("NVML_ERROR_NO_PERMISSION", "no permission to ask the NVIDIA driver"),
        ("NVML_ERROR_NOT_SUPPORTED", "NVML: error 3"),
    ],
)
def test_nvml_that_does_not_start_gives_no_cards_and_a_reason(nvml: ModuleType, code: str, words: str) -> None:
    nvml.state["init"] = getattr(nvml, code)
    sampler = Sampler()
    assert sampler.sample() == []
    assert sampler.reason == words
    nvml.state.update(init=None, cards=[card(nvml)])
    assert sampler.sample() == []
    assert sampler.reason == words


def test_without_the_package_there_are_no_cards_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    sampler = Sampler()
    assert sampler.sample() == []
    assert sampler.reason == "the Python package nvidia-ml-py is not installed"


def test_a_driver_without_cards(nvml: ModuleType) -> None:
    nvml.state["cards"] = []
    sampler = Sampler()
    assert sampler.sample() == []
    assert sampler.reason == "the NVIDIA driver sees no GPU"


def test_a_card_lost_on_the_way_is_named_and_the_others_go_on(nvml: ModuleType) -> None:
    cards = nvml.state["cards"] = [card(nvml), card(nvml, uuid="GPU-2")]
    sampler = Sampler(slow_seconds=0)
    assert len(sampler.sample()) == 2
    cards[0]["lost"] = nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
    assert [gpu.index for gpu in sampler.sample()] == [1]
    assert sampler.reason.startswith("GPU 0 does not answer: the GPU is lost")
    del cards[0]["lost"]
    assert len(sampler.sample()) == 2
    assert sampler.reason == ""


def test_a_driver_that_goes_away_while_we_look(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.state["cards"] = [card(nvml)]
    sampler = Sampler()
    assert sampler.sample()

    def gone() -> int:
        raise nvml.NVMLError(nvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", gone)
    assert sampler.sample() == []
    assert sampler.reason == "the NVIDIA driver is not loaded"


def test_a_card_cut_into_slices_shows_the_slices(nvml: ModuleType) -> None:
    parts = [card(nvml, uuid="MIG-1", memory=nvml.memory(20_000, 0)), None, card(nvml, uuid="MIG-2")]
    for part in parts:
        if part:
            del part["rates"]
    nvml.state["cards"] = [card(nvml, mig_mode=[1, 1], slices=parts)]
    found = gpus()
    assert [(gpu.uuid, gpu.mig, gpu.utilization) for gpu in found] == [("MIG-1", True, None), ("MIG-2", True, None)]
    assert found[0].memory_free == 20_000


def test_an_old_library_lacks_functions(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.state["cards"] = [card(nvml)]
    monkeypatch.delattr(nvml, "nvmlDeviceGetMigMode")
    monkeypatch.delattr(nvml, "nvmlDeviceGetEnforcedPowerLimit")
    (gpu,) = gpus()
    assert gpu.power_limit is None
    assert gpu.power == 412.5


def test_names_that_cannot_be_decoded(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecodable(_: object) -> str:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    nvml.state["cards"] = [card(nvml)]
    monkeypatch.setattr(nvml, "nvmlDeviceGetName", undecodable)
    assert gpus()[0].name == "GPU"


def test_the_real_library_never_raises() -> None:
    sampler = Sampler()
    assert sampler.sample() or sampler.reason


@pytest.mark.parametrize(
    ("visible", "index"),
    [(None, 0), ("1", 1), ("1,0", 1), ("GPU-b", 1), ("GPU-bbbb,GPU-a", 1), ("", None), ("7", None)],
)
def test_the_card_that_would_train_is_the_first_visible_one(
    visible: str | None, index: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [Gpu(index=0, uuid="GPU-aaaa", name="one"), Gpu(index=1, uuid="GPU-bbbb", name="two")]
    chosen = training_gpu(cards, visible)
    assert (chosen.index if chosen else None) == index
    assert training_gpu([], visible) is None
