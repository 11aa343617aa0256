from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from tuitune.hardware.gpus import Gpu, GpuProcess, GpuSampler


def gpus() -> list[Gpu]:
    return GpuSampler().sample()


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
    sampler = GpuSampler()
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
    patient, eager = GpuSampler(slow_seconds=3600), GpuSampler(slow_seconds=0)
    for _ in range(3):
        patient.sample()
    assert nvml.calls.count("power") == nvml.calls.count("temperature") == 1
    assert nvml.calls.count("memory") == 3
    for _ in range(3):
        eager.sample()
    assert nvml.calls.count("power") == 4


FAULTS = (
    "UNINITIALIZED",
    "NOT_SUPPORTED",
    "NO_PERMISSION",
    "DRIVER_NOT_LOADED",
    "TIMEOUT",
    "FUNCTION_NOT_FOUND",
    "GPU_IS_LOST",
    "RESET_REQUIRED",
    "OPERATING_SYSTEM",
    "LIB_RM_VERSION_MISMATCH",
    "IN_USE",
    "MEMORY",
    "UNKNOWN",
)
"""All that NVML may say at its start, but that its library is not there."""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NVML_ERROR_LIBRARY_NOT_FOUND", "no NVIDIA driver on this machine"),
        ("NVML_ERROR_DRIVER_NOT_LOADED", "the NVIDIA driver is not loaded"),
        ("NVML_ERROR_NO_PERMISSION", "no permission to query the NVIDIA driver"),
        ("NVML_ERROR_NOT_SUPPORTED", "NVML: error 3"),
    ],
)
def test_nvml_that_does_not_start_gives_no_cards_and_a_reason(
    nvml: ModuleType, code: str, words: str, tmp_path: Path
) -> None:
    nvml.state["init"] = getattr(nvml, code)
    sampler = GpuSampler(root=tmp_path)
    assert sampler.sample() == []
    assert sampler.reason == words
    nvml.state.update(init=None, cards=[card(nvml)])
    assert sampler.sample() == []
    assert sampler.reason == words


@pytest.mark.parametrize("fault", FAULTS)
def test_a_driver_that_refuses_is_no_machine_without_a_gpu(nvml: ModuleType, fault: str, tmp_path: Path) -> None:
    nvml.state["init"] = getattr(nvml, f"NVML_ERROR_{fault}")
    sampler = GpuSampler(root=tmp_path)
    assert (sampler.sample(), sampler.certain, sampler.blind) == ([], False, False)
    assert sampler.reason


@pytest.mark.parametrize(
    "trace", [None, "dev/nvidia0", "dev/nvidiactl", "dev/nvhost-gpu", "usr/lib/wsl/lib/libcuda.so.1"]
)
@pytest.mark.parametrize("package", [True, False], ids=["library", "package"])
def test_without_the_library_a_device_file_tells(
    nvml: ModuleType, package: bool, trace: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.state["init"] = nvml.NVML_ERROR_LIBRARY_NOT_FOUND
    if not package:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    if trace:
        (tmp_path / trace).parent.mkdir(parents=True)
        (tmp_path / trace).touch()
    sampler = GpuSampler(root=tmp_path)
    assert (sampler.sample(), sampler.certain, sampler.blind) == ([], trace is None, trace is not None)
    assert (f"/{trace}" in sampler.reason) == (trace is not None)


def test_without_the_package_there_are_no_cards_and_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    sampler = GpuSampler(root=tmp_path)
    assert sampler.sample() == []
    assert sampler.reason == "the Python package nvidia-ml-py is not installed"


def test_driver_mode_and_screen_of_a_card(nvml: ModuleType, tmp_path: Path) -> None:
    nvml.state.update(driver=b"570.86.10", cuda=12080)
    nvml.state["cards"] = [
        card(nvml),
        card(nvml, uuid="GPU-2", mode=3, active=1),
        card(nvml, uuid="GPU-3", mode=2, attached=1),
    ]
    one, two, three = GpuSampler(root=tmp_path).sample()
    assert (one.driver, one.cuda) == ("570.86.10", (12, 8))
    assert [gpu.mode for gpu in (one, two, three)] == ["default", "exclusive", "prohibited"]
    assert [gpu.display for gpu in (one, two, three)] == [False, True, True]
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/dxg").touch()
    assert GpuSampler(root=tmp_path).sample()[0].display


def test_a_driver_without_cards(nvml: ModuleType) -> None:
    nvml.state["cards"] = []
    sampler = GpuSampler()
    assert (sampler.sample(), sampler.certain) == ([], False)
    assert sampler.reason == "the NVIDIA driver sees no GPU"


def test_a_card_lost_on_the_way_is_named_and_the_others_go_on(nvml: ModuleType) -> None:
    cards = nvml.state["cards"] = [card(nvml), card(nvml, uuid="GPU-2")]
    sampler = GpuSampler(slow_seconds=0)
    assert len(sampler.sample()) == 2
    cards[0]["lost"] = nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
    assert [gpu.index for gpu in sampler.sample()] == [1]
    assert sampler.reason.startswith("GPU 0 does not answer: the GPU is lost")
    del cards[0]["lost"]
    assert len(sampler.sample()) == 2
    assert sampler.reason == ""


def test_a_driver_that_goes_away_while_we_look(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.state["cards"] = [card(nvml)]
    sampler = GpuSampler()
    assert sampler.sample()

    def gone() -> int:
        raise nvml.NVMLError(nvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", gone)
    assert (sampler.sample(), sampler.certain) == ([], False)
    assert sampler.reason == "the NVIDIA driver is not loaded"


def test_a_card_cut_into_slices_shows_the_slices(nvml: ModuleType) -> None:
    parts = [card(nvml, uuid="MIG-1", memory=nvml.memory(20_000, 0)), None, card(nvml, uuid="MIG-2")]
    for part in parts:
        if part:
            del part["rates"], part["capability"]
    nvml.state["cards"] = [card(nvml, mig_mode=[1, 1], slices=parts)]
    found = gpus()
    assert [(gpu.uuid, gpu.mig, gpu.utilization) for gpu in found] == [("MIG-1", True, None), ("MIG-2", True, None)]
    assert found[0].memory_free == 20_000
    assert found[0].capability == (9, 0)


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
    sampler = GpuSampler()
    assert sampler.sample() or sampler.reason


def test_what_the_driver_keeps_for_itself_is_not_in_use(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(_: object, version: int | None = None) -> SimpleNamespace:
        reserved = 0 if version is None else 900
        return SimpleNamespace(total=10_000, used=1_000 - reserved, free=9_000)

    nvml.state["cards"] = [card(nvml)]
    monkeypatch.setattr(nvml, "nvmlDeviceGetMemoryInfo", told)
    assert gpus()[0].memory_used == 100
    monkeypatch.delattr(nvml, "nvmlMemory_v2")
    assert gpus()[0].memory_used == 1_000


def test_a_desktop_is_told_from_work(nvml: ModuleType) -> None:
    drawing = [SimpleNamespace(pid=1, usedGpuMemory=700), SimpleNamespace(pid=os.getpid(), usedGpuMemory=40_000)]
    nvml.state["cards"] = [card(nvml, graphics=[*drawing, SimpleNamespace(pid=2, usedGpuMemory=None)])]
    (gpu,) = gpus()
    assert gpu.graphics_memory == 700
    assert [process.pid for process in gpu.processes] == [os.getpid()]


def test_a_process_that_trains_a_run_is_known_by_the_run(nvml: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "tuitune.engine", "train"]
    engine = subprocess.Popen([*command, f"{tmp_path}/01J00000000000000000000000-triage-2"], stdin=subprocess.PIPE)
    other = subprocess.Popen([*command[:3], "tuitune.engine"], stdin=subprocess.PIPE)
    try:
        processes = [SimpleNamespace(pid=found.pid, usedGpuMemory=1) for found in (engine, other)]
        nvml.state["cards"] = [card(nvml, processes=processes)]
        assert [process.run for process in gpus()[0].processes] == ["triage-2", None]
    finally:
        engine.communicate()
        other.communicate()


def test_a_driver_that_hangs_is_waited_for_once(nvml: ModuleType) -> None:
    nvml.state.update(cards=[card(nvml)], hang=0.6)
    sampler = GpuSampler()
    started = time.monotonic()
    assert sampler.sample(patience=0.1) == []
    assert not sampler.certain
    assert sampler.reason == "the NVIDIA driver does not answer"
    for _ in range(100):
        assert sampler.sample(patience=0.1) == []
    assert time.monotonic() - started < 0.5
    assert nvml.calls.count("count") == 1
    assert len(sampler.sample(patience=10)) == 1
    assert sampler.certain
    assert sampler.reason == ""
    nvml.state["hang"] = 0.0
    assert len(sampler.sample()) == 1
    assert nvml.calls.count("count") == 2


def test_that_there_is_no_driver_is_told_also_where_it_took_long_to_see(
    nvml: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = threading.Event()

    def slow() -> None:
        loads.wait(10)
        raise nvml.NVMLError(nvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(nvml, "nvmlInit", slow)
    sampler = GpuSampler(root=tmp_path)
    assert (sampler.sample(patience=0), sampler.certain) == ([], False)
    loads.set()
    for thread in threading.enumerate():
        if thread.name == "timed call":
            thread.join(10)
    assert (sampler.sample(patience=0), sampler.certain) == ([], True)
    assert sampler.reason == "no NVIDIA driver on this machine"


def test_several_threads_may_ask_at_once(nvml: ModuleType) -> None:
    nvml.state.update(cards=[card(nvml)], hang=0.2)
    sampler = GpuSampler()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: len(sampler.sample()), range(4)))
    assert answers == [1, 1, 1, 1]
    assert nvml.calls.count("count") == 1


def test_an_answer_that_came_while_nobody_asked_is_not_told_as_new(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.state.update(cards=[card(nvml)], hang=0.05)
    sampler = GpuSampler()
    assert sampler.sample(patience=0) == []
    for thread in threading.enumerate():
        if thread.name == "timed call":
            thread.join(10)
    nvml.state["cards"] = []
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 60)
    assert sampler.sample() == []
    assert sampler.reason == "the NVIDIA driver sees no GPU"


def test_a_library_that_breaks_is_no_more_than_a_reason(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise RuntimeError("segment 7")

    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", broken)
    sampler = GpuSampler()
    assert sampler.sample() == []
    assert sampler.reason == "NVML: segment 7"


def test_a_hanging_driver_does_not_hold_up_the_exit(tmp_path: Path) -> None:
    (tmp_path / "nvml.json").write_text('{"hang": 600}')
    code = "from tuitune.hardware.gpus import GpuSampler; s = GpuSampler(); print(s.sample(patience=0.1), s.reason)"
    folder = Path(__file__).parent / "nvml"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{root}", "FAKE_NVML": str(tmp_path / "nvml.json")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[] the NVIDIA driver does not answer\n"
