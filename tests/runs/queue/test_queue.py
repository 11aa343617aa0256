"""The queue: who gets a device, in what order, whatever happens to the others and to its file."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hardware import fake_nvml
from tests.runs.harness import budget, wait_for
from tests.runs.queue.contenders import Contender, cpu_is_busy, new_run, write_cards
from tuitune.problem import TuituneError
from tuitune.recipe.document import read, write_text
from tuitune.recipe.document import render as rendered
from tuitune.runs.queue import order, waiting_list
from tuitune.runs.queue.order import Turn, WaitingRun, move, turn, waiting
from tuitune.runs.queue.slots import SlotHolder, holders
from tuitune.runs.store import files, identity
from tuitune.runs.store.directory import Run

Start = Callable[..., Contender]


@pytest.fixture(autouse=True)
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A machine without GPUs, unless a test gives it some."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    module = fake_nvml.install(monkeypatch)
    module.state["init"] = module.NVML_ERROR_LIBRARY_NOT_FOUND
    return module


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


def waits(run: Run) -> Turn:
    """A turn of the run that has been attempted without success."""
    begun = Turn(run, read(run.recipe_file))
    assert isinstance(begun.attempt(), WaitingRun)
    return begun


def got(begun: Turn) -> SlotHolder:
    found = begun.attempt()
    assert isinstance(found, SlotHolder), found
    return found


def named(runs: list[Run]) -> list[str]:
    return [run.name for run in runs]


@pytest.fixture
def holder() -> Iterator[SlotHolder]:
    """The CPU, held by a run called first."""
    run = new_run("first")
    held = got(Turn(run, read(run.recipe_file)))
    yield held
    held.release()


def test_runs_get_the_device_in_their_order(start: Start) -> None:
    """Three processes and no screen: each starts when the one before it has let go."""
    one, two, three = (start(new_run("one")), None, None)
    assert one.holds() == "cpu"
    two = start(new_run("two"))
    assert two.waits(1) == cpu_is_busy("one")
    three = start(new_run("three"))
    assert three.waits(2) == cpu_is_busy("one")
    assert wait_for(lambda: two.last == {"reason": cpu_is_busy("one"), "place": 1, "of": 2})
    assert named(waiting()) == ["two", "three"]
    assert turn(three.run) == (2, 2)
    one.let_go()
    assert two.holds() == "cpu"
    assert wait_for(lambda: three.last == {"reason": cpu_is_busy("two"), "place": 1, "of": 1})
    two.let_go()
    assert three.holds() == "cpu"
    assert waiting() == []
    assert turn(three.run) == (0, 0)


def test_a_run_moved_ahead_goes_first(start: Start, holder: SlotHolder) -> None:
    contenders = {}
    for place, name in enumerate(("one", "two", "three"), 1):
        contenders[name] = start(new_run(name))
        contenders[name].waits(place)
    assert move(contenders["three"].run, 1) == 1
    assert named(waiting()) == ["three", "one", "two"]
    assert contenders["three"].waits(1)
    assert contenders["one"].waits(2)
    holder.release()
    assert contenders["three"].holds() == "cpu"
    assert contenders["one"].waits(1)


def test_places_are_counted_from_one_and_never_out_of_bounds(holder: SlotHolder) -> None:
    runs = [new_run(name) for name in ("one", "two", "three")]
    for run in runs:
        waits(run)
    assert [move(runs[0], place) for place in (2, 3, 99, 1, 0, -5)] == [2, 3, 3, 1, 1, 1]
    assert move(runs[0], 2) == 2
    assert named(waiting()) == ["two", "one", "three"]
    with pytest.raises(TuituneError, match="is not queued"):
        move(new_run("other"), 1)


def test_who_was_killed_is_out_of_the_queue(start: Start, holder: SlotHolder) -> None:
    one = start(new_run("one"))
    one.waits(1)
    two = start(new_run("two"))
    two.waits(2)
    one.kill()
    assert named(waiting()) == ["two"]
    holder.release()
    assert two.holds() == "cpu"


def test_a_device_that_the_runs_ahead_cannot_take_is_no_reason_to_wait(nvml: ModuleType) -> None:
    nvml.state.update(init=None, cards=[])
    for number in range(2):
        nvml.state["cards"].append({"name": "card", "uuid": f"GPU-{number}", "memory": nvml.memory(100, 0)})
    first, ahead, behind, processor = new_run("first", "0"), new_run("a", "0"), new_run("b"), new_run("c", "cpu")
    held = got(Turn(first, read(first.recipe_file)))
    stuck = waits(ahead)
    passing = got(Turn(behind, read(behind.recipe_file)))
    assert passing.slot.device == "GPU-1"
    beside = got(Turn(processor, read(processor.recipe_file)))
    assert beside.slot.device == "cpu"
    later = waits(new_run("d"))
    held.release()
    found = later.attempt()
    assert isinstance(found, WaitingRun)
    assert found.reason == "GPU 0 (card) goes to a first"
    got(stuck).release()
    got(later).release()
    passing.release()
    beside.release()


def test_a_run_that_may_share_passes_one_that_may_not(start: Start, tmp_path: Path) -> None:
    environment = write_cards(tmp_path / "cards.json", 60)
    modest = start(new_run("modest"), **environment)
    assert modest.waits(1).startswith("GPU 0 (NVIDIA H200) is in use by a process not visible from here, 64.4 GB")
    bold = start(new_run("bold", share=True), **environment)
    assert bold.holds() == "GPU-0"
    assert modest.waits(1)
    bold.let_go()
    write_cards(tmp_path / "cards.json", 0)
    assert modest.holds() == "GPU-0"


def test_figures_that_change_a_little_are_no_news(start: Start, tmp_path: Path) -> None:
    environment = write_cards(tmp_path / "cards.json", 60)
    contender = start(new_run("one"), **environment)
    contender.waits(1)
    before = len(contender.said)
    write_cards(tmp_path / "cards.json", 61)
    other = start(new_run("two", "0"), **environment)
    assert "65.5 GB" in other.waits(2)
    assert wait_for(lambda: contender.last["of"] == 2)
    assert "64.4 GB" in contender.last["reason"]
    assert len(contender.said) == before + 1


def test_a_run_ahead_whose_supervisor_is_stopped_is_passed_in_the_end(
    start: Start, holder: SlotHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = start(new_run("ahead"))
    ahead.waits(1)
    behind = waits(new_run("behind"))
    ahead.process.send_signal(signal.SIGSTOP)
    holder.release()
    found = behind.attempt()
    assert isinstance(found, WaitingRun)
    assert found.reason == "CPU goes to ahead first"
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 31)
    got(behind).release()
    ahead.process.send_signal(signal.SIGCONT)
    assert ahead.holds() == "cpu"


def test_an_edited_run_keeps_its_place_and_one_that_left_does_not(holder: SlotHolder) -> None:
    one, two = new_run("one"), new_run("two")
    first = waits(one)
    waits(two)
    waits(one)
    assert named(waiting()) == ["one", "two"]
    first.leave()
    assert named(waiting()) == ["two"]
    waits(one)
    assert named(waiting()) == ["two", "one"]
    waiting_list.leave(two)
    waiting_list.leave(two)
    assert named(waiting()) == ["one"]


def test_many_contend_and_one_has_it(start: Start) -> None:
    contenders = [start(new_run(f"run-{number}")) for number in range(6)]
    left = set(contenders)
    while left:
        winner = wait_for(lambda: next((one for one in left if one.device), None))
        assert [one.run.name for one in left if one.device] == [winner.run.name]
        assert [held["name"] for held in holders().values()] == [winner.run.name]
        left.remove(winner)
        winner.let_go()
    assert waiting() == []


def test_waiting_costs_next_to_nothing(holder: SlotHolder) -> None:
    """A supervisor attempts 2.5 times a second: 100 attempts are 40 s of waiting."""
    turns = [waits(new_run(f"run-{number}")) for number in range(5)]
    before = time.process_time()
    for _ in range(100):
        assert isinstance(turns[-1].attempt(), WaitingRun)
    assert time.process_time() - before < budget(0.2)


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b'{"runs": {}}',
    b"\xff\xfe" * 100,
    b'{"v": 1, "runs": "none"}',
    b"[" * 100_000,
    b" " * (2 << 20),
]


def made_anew(queue: Path, content: bytes) -> bool:
    """Whether the order is that of the runs; damages the queue again where a contender wrote it at the same moment."""
    if in_order := named(waiting()) == ["one", "two"]:
        return in_order
    queue.write_bytes(content)
    return False


def test_a_damaged_queue_is_made_anew_in_the_order_of_the_runs(start: Start, holder: SlotHolder, home: Path) -> None:
    runs = [new_run("one"), new_run("two")]
    contenders = [start(run) for run in reversed(runs)]
    for contender in contenders:
        contender.waits()
    wait_for(lambda: len(waiting()) == 2)
    for content in DAMAGED:
        move(runs[1], 1)
        assert named(waiting()) == ["two", "one"]
        wait_for(partial(made_anew, home / "queue.json", content))
        wait_for(waiting_list.is_sound)
    holder.release()
    assert contenders[1].holds() == "cpu"


@pytest.mark.parametrize("planted", ["link", "fifo", "hard link", "other user"])
def test_what_is_no_queue_of_ours_is_replaced_and_left_alone(planted: str, holder: SlotHolder, home: Path) -> None:
    target = home / "precious"
    target.write_text('{"v": 1, "runs": []}')
    queue_file = home / "queue.json"
    queue_file.unlink(missing_ok=True)
    match planted:
        case "link":
            queue_file.symlink_to(target)
        case "fifo":
            os.mkfifo(queue_file)
        case "hard link":
            os.link(target, queue_file)
        case "other user" if os.geteuid() == 0:
            queue_file.write_text('{"v": 1, "runs": []}')
            os.chown(queue_file, 12345, -1)
        case _:
            pytest.skip("only root can give a file away")
    waits(new_run("one"))
    assert named(waiting()) == ["one"]
    assert target.read_text() == '{"v": 1, "runs": []}'
    assert stat.S_ISREG(queue_file.lstat().st_mode)
    assert stat.S_IMODE(queue_file.stat().st_mode) == 0o600
    assert queue_file.stat().st_uid == os.geteuid()


def test_a_queue_that_cannot_be_written_is_said(holder: SlotHolder, home: Path) -> None:
    run = new_run("one")
    (home / "queue.json").mkdir()
    found = Turn(run, read(run.recipe_file)).attempt()
    assert isinstance(found, WaitingRun)
    assert found.reason.startswith("the queue cannot be written: ")
    assert waiting() == []
    with pytest.raises(TuituneError, match="cannot be moved"):
        move(run, 1)
    waiting_list.leave(run)


def test_what_a_process_killed_while_it_wrote_the_queue_left_goes_with_the_next_change(
    holder: SlotHolder, home: Path
) -> None:
    draft = home / ".queue.json.4194305"
    draft.touch()
    waits(new_run("one"))
    assert not draft.exists()


def entry(run: str, **changes: object) -> dict[str, object]:
    owner = identity.current().as_record()
    return {"run": run, "devices": ["cpu"], "share": False, "owner": {**owner, **changes}}


def test_entries_that_are_none_are_left_out(home: Path) -> None:
    good = new_run("good").path.name
    home.mkdir(exist_ok=True)
    records: list[object] = [
        entry("../../etc/passwd"),
        entry("/etc/passwd"),
        entry(""),
        entry(".."),
        entry(good, pid=1),
        entry(good, start_ticks=7),
        {**entry(good), "owner": None},
        {**entry(good), "devices": "cpu"},
        entry(good),
        entry(good),
        7,
        None,
    ]
    (home / "queue.json").write_text(json.dumps({"v": 1, "runs": records}))
    assert named(waiting()) == ["good"]


def test_runs_of_another_machine_keep_their_entries_and_are_not_waited_for(holder: SlotHolder, home: Path) -> None:
    elsewhere = new_run("elsewhere").path.name
    (home / "queue.json").write_text(json.dumps({"v": 1, "runs": [entry(elsewhere, host="other")]}))
    run = new_run("one")
    begun = waits(run)
    assert turn(run) == (1, 1)
    assert move(run, 5) == 1
    assert [one["run"] for one in json.loads((home / "queue.json").read_text())["runs"]] == [elsewhere, run.path.name]
    holder.release()
    got(begun).release()
    assert [one["run"] for one in json.loads((home / "queue.json").read_text())["runs"]] == [elsewhere]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
RECORDS = st.fixed_dictionaries({"run": JSON, "devices": JSON, "share": JSON, "owner": JSON})


@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), runs=st.lists(RECORDS))
def test_any_content_is_read_without_an_error(
    content: bytes, runs: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-home"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUITUNE_HOME", str(folder))
        for written in (content, json.dumps({"v": 1, "runs": runs}).encode()):
            (folder / "queue.json").write_bytes(written)
            assert waiting() == []


def test_a_run_ahead_that_is_edited_to_another_device_lets_the_next_go(
    start: Start, nvml: ModuleType, tmp_path: Path
) -> None:
    """The queue knows what each run waits for now, not what it waited for when it came."""
    nvml.state.update(init=None, cards=[{"name": "card", "uuid": "GPU-0", "memory": nvml.memory(100, 0)}])
    first, edited, behind = new_run("first", "0"), new_run("edited", "0"), new_run("behind", "0")
    held = got(Turn(first, read(first.recipe_file)))
    waits(edited)
    later = waits(behind)
    processor = got(Turn(new_run("other", "cpu"), read(new_run("any", "cpu").recipe_file)))
    recipe = read(edited.recipe_file)
    hardware = recipe.hardware.model_copy(update={"gpu": "cpu"})
    edited.recipe_file.unlink()
    write_text(edited.recipe_file, rendered(recipe.model_copy(update={"hardware": hardware}), full=True))
    waits(edited)
    held.release()
    got(later).release()
    processor.release()
    assert named(waiting()) == ["edited"]


def test_two_processes_that_change_the_queue_wait_for_each_other(holder: SlotHolder, home: Path) -> None:
    from filelock import FileLock

    begun = waits(new_run("one"))
    waiting_before = begun.attempt()
    assert isinstance(waiting_before, WaitingRun)
    with FileLock(home / "queue.lock"):
        holder.release()
        started = time.monotonic()
        found = begun.attempt()
        assert time.monotonic() - started < 1
    assert found == waiting_before
    got(begun).release()


def test_the_files_of_the_queue_are_private(holder: SlotHolder, home: Path) -> None:
    waits(new_run("one"))
    for name in ("queue.json", "queue.lock"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert files.is_regular(home / "queue.json")
    assert order.waiting()
