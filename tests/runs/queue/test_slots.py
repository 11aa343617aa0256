"""Device leases: real processes, real locks, and a stand-in for the NVIDIA driver."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest

from tests.hardware import fake_nvml
from tests.hardware.test_gpus import FAULTS
from tests.runs.harness import acquire, wait_for
from tests.runs.queue.contenders import GIB, Contender, cpu_is_busy, new_run, write_cards
from tuitune.hardware import fitness
from tuitune.recipe.document import read
from tuitune.runs.queue.order import Turn, WaitingRun
from tuitune.runs.queue.slots import SEATS, Busy, SlotHolder, holders
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
SILENT = 'the NVIDIA driver does not answer; checking again (hardware.gpu = "cpu" trains on the CPU)'
SHARE = "hardware.share = true shares it"

Start = Callable[..., Contender]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake_nvml.install(monkeypatch)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that contends for a device; none outlives the test."""
    started: list[Contender] = []

    def begin(run: Run, *flags: str, **environment: str) -> Contender:
        started.append(Contender(run, *flags, **environment))
        return started[-1]

    yield begin
    for contender in started:
        contender.clear_away()


def cards(nvml: ModuleType, *used: int, **changes: object) -> None:
    """GPUs with so many GiB in use."""
    nvml.state["cards"] = [
        {"name": "NVIDIA H200", "uuid": f"GPU-{number}", "memory": nvml.memory(140 * GIB, gib * GIB), **changes}
        for number, gib in enumerate(used)
    ]


def taken(run: Run, gpu: str = "auto", *, share: bool = False) -> SlotHolder:
    found = acquire(run, gpu, share)
    assert isinstance(found, SlotHolder), found
    return found


def refused(run: Run, gpu: str = "auto", *, share: bool = False) -> str:
    found = acquire(run, gpu, share)
    assert isinstance(found, Busy)
    return found.reason


def test_the_processor_is_one_slot() -> None:
    one, two = new_run("one"), new_run("two")
    with taken(one) as held:
        assert (held.slot.device, held.slot.label, held.slot.environment) == ("cpu", "CPU", NO_GPU)
        assert refused(two) == cpu_is_busy("one")
        assert refused(two, "cpu") == cpu_is_busy("one")
        assert holders() == {"cpu": {"run": one.id, "name": "one", "directory": str(one.path)}}
    assert holders() == {}
    with taken(two) as held:
        assert holders()["cpu"]["name"] == "two"
        held.release()
        assert holders() == {}
        with taken(one):
            assert refused(two) == cpu_is_busy("one")
        held.release()


def test_a_slot_of_another_process_is_free_once_that_is_killed(start: Start) -> None:
    """Also while a child that it forked lives on with everything it inherited."""
    one, two = new_run("one"), new_run("two")
    holder = start(one, "fork")
    assert holder.holds() == "cpu"
    assert refused(two) == cpu_is_busy("one")
    child = psutil.Process(holder.last["child"])
    holder.process.send_signal(signal.SIGKILL)
    wait_for(lambda: holder.process.poll() is not None)
    assert child.is_running()
    assert child.status() != psutil.STATUS_ZOMBIE
    assert holders() == {}
    taken(two).release()


def test_two_homes_of_a_user_share_the_devices(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = new_run("one")
    holder = start(one)
    assert holder.holds() == "cpu"
    monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / "other"))
    assert refused(new_run("two")) == cpu_is_busy(f"one ({one.path})")
    assert holders()["cpu"]["name"] == "one"


def test_a_logout_that_takes_the_runtime_folder_away_frees_nothing(start: Start, tmp_path: Path) -> None:
    holder = start(new_run("one"))
    assert holder.holds() == "cpu"
    shutil.rmtree(tmp_path / "runtime")
    assert refused(new_run("two")) == cpu_is_busy("one")
    holder.let_go()
    taken(new_run("three")).release()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_runtime_folder_of_somebody_else_is_not_used(nvml: ModuleType, tmp_path: Path) -> None:
    """As after su, which keeps the variable of whoever became root."""
    theirs = tmp_path / "runtime"
    theirs.mkdir(mode=0o777)
    os.chown(theirs, 12345, -1)
    cards(nvml, 0)
    device = nvml.state["cards"][0]["uuid"] = f"GPU-{uuid.uuid4()}"
    with taken(new_run("one")):
        assert refused(new_run("two")) == "GPU 0 (NVIDIA H200) is busy: training one"
        assert list(theirs.iterdir()) == []
    for folder in (Path("/run/user/0/tuitune"), Path("/tmp/tuitune-0")):
        for left in folder.glob(f"*{device}*"):
            left.unlink()


def test_leases_are_private_and_follow_no_links(tmp_path: Path, home: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (tmp_path / "runtime").mkdir(mode=0o777)
    (tmp_path / "runtime" / "tuitune").symlink_to(outside)
    (home / "devices").mkdir(parents=True)
    (home / "devices").chmod(0o777)
    with taken(new_run("one")):
        assert list(outside.iterdir()) == []
        assert stat.S_IMODE((home / "devices").stat().st_mode) == 0o700
        for file in (home / "devices").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert refused(new_run("two")) == cpu_is_busy("one")


def test_without_any_place_for_leases_a_run_waits_and_says_so(tmp_path: Path, home: Path) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "tuitune").touch()
    home.mkdir()
    (home / "devices").touch()
    reason = refused(new_run("one"))
    assert reason.startswith("devices cannot be leased: ")
    assert reason.endswith("set XDG_RUNTIME_DIR to a folder of yours")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"directory": 7}', b'{"directory": "a/b"}', b"\xff" * 99])
def test_a_damaged_note_of_the_holder_says_less_and_no_more(content: bytes, tmp_path: Path, home: Path) -> None:
    with taken(new_run("one")):
        notes = [*tmp_path.glob("runtime/tuitune/*.json"), *home.glob("devices/*.json")]
        assert len(notes) == 2
        for note in notes:
            note.write_bytes(content)
        assert refused(new_run("two")) == f"CPU is busy: held by another run ({SHARE})"
        assert holders() == {}
    taken(new_run("two")).release()


def test_an_engine_that_outlives_its_supervisor_still_has_the_device(start: Start) -> None:
    one, two = new_run("one"), new_run("two")
    engine = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    found = identity.of(engine.pid)
    assert found
    journal.JournalWriter(one.events_file).append(event="engine", identity=found.as_record(), sync=True)
    holder = start(one)
    assert holder.holds() == "cpu"
    holder.kill()
    assert refused(two) == f"CPU is busy: one has lost its supervisor; it saves and ends ({SHARE})"
    taken(one).release()
    holder = start(one)
    assert holder.holds() == "cpu"
    holder.kill()
    engine.communicate()
    taken(two).release()


def test_the_first_free_gpu_is_taken(nvml: ModuleType) -> None:
    cards(nvml, 0, 0)
    one, two, three = new_run("one"), new_run("two"), new_run("three")
    with taken(one) as first, taken(two) as second:
        assert (first.slot.device, first.slot.label) == ("GPU-0", "GPU 0 (NVIDIA H200)")
        assert first.slot.environment == {"CUDA_VISIBLE_DEVICES": "GPU-0"}
        assert second.slot.device == "GPU-1"
        assert refused(three) == "GPU 0 (NVIDIA H200) is busy: training one; GPU 1 (NVIDIA H200) is busy: training two"
        assert refused(three, "1") == "GPU 1 (NVIDIA H200) is busy: training two"
        assert {device: held["name"] for device, held in holders().items()} == {"GPU-0": "one", "GPU-1": "two"}
        with taken(three, "cpu") as third:
            assert third.slot.environment == {"CUDA_VISIBLE_DEVICES": ""}


def test_a_gpu_without_a_uuid_goes_by_its_number(nvml: ModuleType) -> None:
    cards(nvml, 0)
    del nvml.state["cards"][0]["uuid"]
    with taken(new_run("one")) as held:
        assert held.slot.environment == {"CUDA_VISIBLE_DEVICES": "0"}
        assert refused(new_run("two")) == "GPU 0 (NVIDIA H200) is busy: training one"


def test_the_gpus_that_the_environment_names_are_the_ones_to_choose_from(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards(nvml, 0, 0, 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    with taken(new_run("one")) as first, taken(new_run("two")) as second:
        assert (first.slot.device, second.slot.device) == ("GPU-2", "GPU-0")
        assert "GPU 1" not in refused(new_run("three"))
        with taken(new_run("four"), "1") as named:
            assert named.slot.device == "GPU-1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with taken(new_run("five")) as hidden:
        assert hidden.slot.device == "cpu"


def test_nobody_elses_card_is_taken_unasked(nvml: ModuleType) -> None:
    cards(nvml, 23, processes=[SimpleNamespace(pid=os.getpid(), usedGpuMemory=23 * GIB)])
    me = psutil.Process()
    run = new_run("one")
    users = f"{me.username()}: {me.name()}, 24.7 GB"
    assert refused(run) == f"GPU 0 (NVIDIA H200) is in use by {users} (hardware.share = true shares it)"
    assert "24.7 GB" in refused(run, "GPU-0")
    with taken(run, share=True) as held:
        assert held.slot.device == "GPU-0"
        assert refused(new_run("two"), share=True) == "GPU 0 (NVIDIA H200) is busy: training one"
    cards(nvml, 23, 0)
    with taken(run) as held:
        assert held.slot.device == "GPU-1"
        assert refused(new_run("two")).startswith("GPU 0 (NVIDIA H200) is in use by a process not visible from here, ")


def test_a_card_whose_memory_is_not_told_is_taken(nvml: ModuleType) -> None:
    cards(nvml, 0)
    nvml.state["cards"][0] = {"name": "MIG", "uuid": "MIG-1", "memory": nvml.NVMLError(nvml.NVML_ERROR_NO_PERMISSION)}
    with taken(new_run("one")) as held:
        assert held.slot.device == "MIG-1"


@pytest.mark.parametrize("gpu", ["3", "GPU-9"])
def test_a_gpu_that_is_not_there_is_waited_for_with_a_word(nvml: ModuleType, gpu: str) -> None:
    cards(nvml, 0, 0)
    reason = refused(new_run("one"), gpu)
    assert reason == f"this machine has no GPU {gpu}: there is GPU 0, GPU 1; edit hardware.gpu, or stop the run"
    nvml.state["init"] = nvml.NVML_ERROR_LIBRARY_NOT_FOUND
    assert f"no GPU {gpu}: no NVIDIA driver on this machine; edit" in refused(new_run("two"), gpu)


def test_without_a_driver_the_processor_is_the_slot(nvml: ModuleType) -> None:
    nvml.state["init"] = nvml.NVML_ERROR_LIBRARY_NOT_FOUND
    with taken(new_run("one")) as held:
        assert (held.slot.device, held.slot.environment) == ("cpu", NO_GPU)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_driver_that_refuses_is_waited_for(nvml: ModuleType, fault: str) -> None:
    nvml.state["init"] = getattr(nvml, f"NVML_ERROR_{fault}")
    reason = refused(new_run("one"))
    assert reason.endswith('; checking again (hardware.gpu = "cpu" trains on the CPU)')
    assert refused(new_run("two"), "0").endswith("; checking again")
    with taken(new_run("three"), "cpu") as held:
        assert held.slot.device == "cpu"


def test_a_driver_that_has_lost_its_cards_is_waited_for(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    cards(nvml)
    assert refused(new_run("one")).startswith("the NVIDIA driver sees no GPU; checking again")
    cards(nvml, 0)
    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", nvml_error(nvml, nvml.NVML_ERROR_UNKNOWN))
    assert refused(new_run("one")).startswith("NVML: error 999; checking again")


def nvml_error(nvml: ModuleType, code: int) -> Callable[[], int]:
    def fail() -> int:
        raise nvml.NVMLError(code)

    return fail


def test_a_gpu_that_the_driver_cannot_be_asked_about_is_had_by_its_name_alone(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA may work where NVML is missing, and the CPU's lease is no lease on that GPU."""
    nvml.state["init"] = nvml.NVML_ERROR_LIBRARY_NOT_FOUND
    monkeypatch.setattr("tuitune.hardware.gpus._trace", lambda root: Path("/dev/nvidia0"))
    assert refused(new_run("one")).startswith("/dev/nvidia0 is here without libnvidia-ml.so.1")
    with taken(new_run("two"), "0") as held:
        assert (held.slot.device, held.slot.environment) == ("0", {"CUDA_VISIBLE_DEVICES": "0"})
        assert refused(new_run("three"), "0") == "GPU 0 is busy: training two"
    with taken(new_run("four"), "cpu") as held:
        assert held.slot.environment == NO_GPU


@pytest.mark.parametrize("visible", ["7", "GPU-x"])
def test_a_card_that_the_environment_names_in_vain_is_no_leave_for_the_processor(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    cards(nvml, 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert f"names no GPU of this machine ({visible}): there is GPU 0" in refused(new_run("one"))
    nvml.state["init"] = nvml.NVML_ERROR_LIBRARY_NOT_FOUND
    with taken(new_run("two")) as held:
        assert held.slot.device == "cpu"


def test_a_card_that_torch_cannot_use_is_left_for_one_that_it_can(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards(nvml, 0, 0)
    for card, capability in zip(nvml.state["cards"], [(7, 0), (8, 0)], strict=True):
        card["capability"] = capability
    build = fitness.Build("2.13.0", (13, 0), ("sm_75", "sm_80", "sm_90"))
    monkeypatch.setattr(fitness, "installed", lambda: build)
    with taken(new_run("one")) as held:
        assert held.slot.device == "GPU-1"
        assert refused(new_run("two")) == "GPU 1 (NVIDIA H200) is busy: training one"
    nvml.state["cards"][1]["mode"] = nvml.NVML_COMPUTEMODE_PROHIBITED
    with taken(new_run("three")) as held:
        assert held.slot.device == "GPU-0"


def test_an_exclusive_card_is_waited_for_even_by_a_run_that_would_share_it(nvml: ModuleType) -> None:
    small = [SimpleNamespace(pid=os.getpid(), usedGpuMemory=GIB // 64)]
    cards(nvml, 0, mode=nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS, processes=small)
    for share in (False, True):
        assert refused(new_run("one"), share=share).endswith("its exclusive mode allows one process")
    nvml.state["cards"][0]["processes"] = []
    taken(new_run("one")).release()


def test_a_desktop_of_unknown_size_is_not_waited_for(nvml: ModuleType) -> None:
    cards(nvml, 0)
    nvml.state["cards"][0].update(memory=nvml.memory(16 * GIB, 3 * GIB // 2), active=1)
    taken(new_run("one")).release()
    nvml.state["cards"][0]["active"] = 0
    assert "is in use by a process not visible from here, 1.6 GB" in refused(new_run("two"))


def test_the_processor_is_shared_where_a_run_says_so() -> None:
    one, two, three = new_run("one"), new_run("two"), new_run("three")
    with taken(one) as first, taken(two, share=True) as second:
        assert (first.slot.device, second.slot.device, second.slot.label) == ("cpu", "cpu-2", "CPU")
        assert second.slot.environment == NO_GPU
        assert {held["name"] for held in holders().values()} == {"one", "two"}
        assert refused(three) == cpu_is_busy("one")
        first.release()
        assert refused(three) == cpu_is_busy("two")
        with taken(three, share=True) as third:
            assert third.slot.device == "cpu"
    taken(three).release()


def test_a_processor_that_is_full_is_shared_by_no_more() -> None:
    held = [taken(new_run(f"run-{number}"), share=True) for number in range(len(SEATS))]
    assert [one.slot.device for one in held] == list(SEATS)
    assert refused(new_run("more"), share=True).startswith("CPU is busy: training run-0; CPU is busy: training run-1")
    for one in held:
        one.release()


def test_a_lost_gpu_is_no_reason_to_train_on_the_processor(nvml: ModuleType) -> None:
    cards(nvml, 0, 0)
    nvml.state["cards"][0]["lost"] = nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
    with taken(new_run("one")) as held:
        assert held.slot.device == "GPU-1"
    nvml.state["cards"][1]["lost"] = nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
    assert refused(new_run("two")).startswith("GPU 1 does not answer: the GPU is lost")


def test_the_driver_is_left_alone_while_every_device_is_leased(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards(nvml, 0)
    one, two = new_run("one"), new_run("two")
    with taken(one) as held:
        turn = Turn(two, read(two.recipe_file))
        assert isinstance(turn.attempt(), WaitingRun)
        before = len(nvml.calls)
        for _ in range(50):
            turn.attempt()
        assert len(nvml.calls) == before
        cards(nvml, 99)
        held.release()
        clock = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 1)
        waiting = turn.attempt()
        assert isinstance(waiting, WaitingRun)
        before = len(nvml.calls)
        assert "not visible from here" in waiting.reason
        for _ in range(50):
            assert isinstance(turn.attempt(), WaitingRun)
        assert len(nvml.calls) == before


def test_a_driver_that_hangs_holds_nothing_up(start: Start, tmp_path: Path) -> None:
    """Its call hangs in another process for 30 s; here an attempt takes no longer than it should."""
    environment = write_cards(tmp_path / "nvml.json", 0, hang=30)
    contender = start(new_run("one"), **environment)
    assert contender.waits() == SILENT
    processor = start(new_run("two", "cpu"), **environment)
    assert processor.holds() == "cpu"
    begun = time.monotonic()
    contender.process.send_signal(signal.SIGTERM)
    contender.process.wait(20)
    assert time.monotonic() - begun < 5


def test_attempts_return_at_once_while_the_driver_hangs(nvml: ModuleType) -> None:
    cards(nvml, 0)
    nvml.state["hang"] = 1.5
    run = new_run("one")
    turn = Turn(run, read(run.recipe_file))
    longest = 0.0
    begun = time.monotonic()
    while isinstance(found := turn.attempt(), WaitingRun):
        assert found.reason == SILENT
        longest, begun = max(longest, time.monotonic() - begun), time.monotonic()
    assert longest < 0.5
    assert found.slot.device == "GPU-0"
    found.release()
