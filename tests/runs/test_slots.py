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
from tests.runs.contenders import GIB, Contender, new_run, write_cards
from tests.runs.harness import wait_for
from tuitune.recipe.document import read
from tuitune.runs import identity, journal
from tuitune.runs.directory import Run
from tuitune.runs.queue import Turn, Waiting
from tuitune.runs.slots import Busy, SlotHolder, acquire, holders

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
        assert (held.slot.device, held.slot.label, held.slot.environment) == (
            "cpu",
            "CPU",
            {"CUDA_VISIBLE_DEVICES": ""},
        )
        assert refused(two) == "the CPU trains one"
        assert refused(two, "cpu") == "the CPU trains one"
        assert holders() == {"cpu": {"run": one.id, "name": "one", "directory": str(one.path)}}
    assert holders() == {}
    with taken(two) as held:
        assert holders()["cpu"]["name"] == "two"
        held.release()
        assert holders() == {}
        with taken(one):
            assert refused(two) == "the CPU trains one"
        held.release()


def test_a_slot_of_another_process_is_free_once_that_is_killed(start: Start) -> None:
    """Also while a child that it forked lives on with everything it inherited."""
    one, two = new_run("one"), new_run("two")
    holder = start(one, "fork")
    assert holder.holds() == "cpu"
    assert refused(two) == "the CPU trains one"
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
    assert refused(new_run("two")) == f"the CPU trains one ({one.path})"
    assert holders()["cpu"]["name"] == "one"


def test_a_logout_that_takes_the_runtime_folder_away_frees_nothing(start: Start, tmp_path: Path) -> None:
    holder = start(new_run("one"))
    assert holder.holds() == "cpu"
    shutil.rmtree(tmp_path / "runtime")
    assert refused(new_run("two")) == "the CPU trains one"
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
        assert refused(new_run("two")) == "GPU 0 (NVIDIA H200) trains one"
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
        assert refused(new_run("two")) == "the CPU trains one"


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
        assert refused(new_run("two")) == "the CPU is held by another run"
        assert holders() == {}
    taken(new_run("two")).release()


def test_an_engine_that_outlives_its_supervisor_still_has_the_device(start: Start) -> None:
    one, two = new_run("one"), new_run("two")
    engine = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    found = identity.of(engine.pid)
    assert found
    journal.Writer(one.events_file).append(event="engine", identity=found.as_record(), sync=True)
    holder = start(one)
    assert holder.holds() == "cpu"
    holder.kill()
    assert refused(two) == "the CPU: one has lost its supervisor, saves and ends"
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
        assert refused(three) == "GPU 0 (NVIDIA H200) trains one; GPU 1 (NVIDIA H200) trains two"
        assert refused(three, "1") == "GPU 1 (NVIDIA H200) trains two"
        assert {device: held["name"] for device, held in holders().items()} == {"GPU-0": "one", "GPU-1": "two"}
        with taken(three, "cpu") as third:
            assert third.slot.environment == {"CUDA_VISIBLE_DEVICES": ""}


def test_a_gpu_without_a_uuid_goes_by_its_number(nvml: ModuleType) -> None:
    cards(nvml, 0)
    del nvml.state["cards"][0]["uuid"]
    with taken(new_run("one")) as held:
        assert held.slot.environment == {"CUDA_VISIBLE_DEVICES": "0"}
        assert refused(new_run("two")) == "GPU 0 (NVIDIA H200) trains one"


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
    assert refused(run) == f"GPU 0 (NVIDIA H200) is used by {users} (hardware.share = true would start beside it)"
    assert "24.7 GB" in refused(run, "GPU-0")
    with taken(run, share=True) as held:
        assert held.slot.device == "GPU-0"
        assert refused(new_run("two"), share=True) == "GPU 0 (NVIDIA H200) trains one"
    cards(nvml, 23, 0)
    with taken(run) as held:
        assert held.slot.device == "GPU-1"
        assert refused(new_run("two")).startswith("GPU 0 (NVIDIA H200) is used by a process that is hidden from here, ")


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


@pytest.mark.parametrize("code", ["LIBRARY_NOT_FOUND", "DRIVER_NOT_LOADED", "NO_PERMISSION"])
def test_without_a_driver_the_processor_is_the_slot(nvml: ModuleType, code: str) -> None:
    nvml.state["init"] = getattr(nvml, f"NVML_ERROR_{code}")
    with taken(new_run("one")) as held:
        assert (held.slot.device, held.slot.environment) == ("cpu", {"CUDA_VISIBLE_DEVICES": ""})


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
        assert isinstance(turn.attempt(), Waiting)
        before = len(nvml.calls)
        for _ in range(50):
            turn.attempt()
        assert len(nvml.calls) == before
        cards(nvml, 99)
        held.release()
        clock = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 1)
        waiting = turn.attempt()
        assert isinstance(waiting, Waiting)
        before = len(nvml.calls)
        assert "hidden from here" in waiting.reason
        for _ in range(50):
            assert isinstance(turn.attempt(), Waiting)
        assert len(nvml.calls) == before


def test_a_driver_that_hangs_holds_nothing_up(start: Start, tmp_path: Path) -> None:
    """Its call hangs in another process for 30 s; here an attempt takes no longer than it should."""
    environment = write_cards(tmp_path / "nvml.json", 0, hang=30)
    contender = start(new_run("one"), **environment)
    assert contender.waits() == "the NVIDIA driver does not answer; asking again"
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
    while isinstance(found := turn.attempt(), Waiting):
        assert found.reason == "the NVIDIA driver does not answer; asking again"
        longest, begun = max(longest, time.monotonic() - begun), time.monotonic()
    assert longest < 0.5
    assert found.slot.device == "GPU-0"
    found.release()
