"""Tasks over data: real processes that are started, looked at, left, found again, cancelled and killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuitune.data import task_lock, tasks
from tuitune.data.tasks import Progress, Task, begin
from tuitune.problem import TuituneError

STAND_IN = """
import atexit, os, resource, sys, time
from pathlib import Path
from tuitune.data.task_report import TaskReport, carry_out
from tuitune.problem import TuituneError

def work(report):
    wanted = report.wanted
    Path(wanted["note"]).open("a").write(f"{os.getpid()}\\n")
    if wanted["do"] == "wait":
        report.progress("counting", 3, 10, "sheep")
        if child := os.fork():
            Path(wanted["note"]).open("a").write(f"{child}\\n")
        while not Path(wanted["go"]).exists():
            time.sleep(0.01)
        os._exit(0) if not child else os.kill(child, 9)
    if wanted["do"] == "linger":
        atexit.register(lambda: [time.sleep(0.01) for _ in iter(Path(wanted["go"]).exists, True)])
    if wanted["do"] in ("refuse", "linger"):
        raise TuituneError("row 3: \\x1b[31mno answer")
    if wanted["do"] == "break":
        raise ValueError("unforeseen")
    if wanted["do"] == "swell":
        hoard = [bytearray(1 << 27) for _ in range(1000)]
    if wanted["do"] == "vanish":
        print("\\x1b[31mthe last words", flush=True)
        os._exit(3)
    if wanted["do"] == "tell":
        os.write(2, b"GET https://hub.example/?token=" + os.environ["HUB_TOKEN"].encode())
        raise ValueError(f"{os.environ['HUB_TOKEN']} was refused")
    return {"answer": 42}

if "swell" in Path(sys.argv[2], "wanted.json").read_text():
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))

sys.exit(carry_out(Path(sys.argv[2]), work))
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """Begins a task of the stand-in above."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def begin_it(do: str, stamps: tuple[str, ...] = ()) -> Task:
        wanted = {"do": do, "note": str(tmp_path / "pids"), "go": str(tmp_path / "go")}
        return begin("count", wanted, stamps, module="stand_in")

    return begin_it


def wait(task: Task, until: Callable[[Progress], Any] = lambda progress: progress.state != "working") -> Progress:
    deadline = time.monotonic() + 30
    while not until(progress := task.look()):
        assert time.monotonic() < deadline, progress
        time.sleep(0.01)
    return progress


def wait_for(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pids(tmp_path: Path, count: int) -> list[int]:
    """The pids that the stand-in noted, once there are `count`."""
    deadline = time.monotonic() + 30
    while True:
        noted = (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else []
        if len(noted) >= count:
            return [int(pid) for pid in noted]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_a_task_is_carried_out_once_and_found_again(start: Callable[..., Task], tmp_path: Path) -> None:
    first = wait(start("answer"))
    assert first.state == "done" and first.result == {"answer": 42}
    again = start("answer")
    assert again.look() == first
    assert len(pids(tmp_path, 1)) == 1
    other = start("answer", ("changed",))
    assert other.folder != again.folder and wait(other).state == "done"


def test_secrets_that_a_task_prints_are_in_none_of_its_files(
    start: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "correct-horse-battery")
    task = start("tell")
    assert wait(task).error == "ValueError: ••• was refused"
    wait_for(lambda: "ValueError: •••" in (task.folder / "log.txt").read_text())
    log = (task.folder / "log.txt").read_text()
    assert "?token=•••" in log and "••• was refused" in log
    assert [file.name for file in task.folder.iterdir() if b"horse" in file.read_bytes()] == []


def test_what_a_task_writes_is_private(start: Callable[..., Task]) -> None:
    folder = start("answer").folder
    wait(Task(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "result.json").stat().st_mode & 0o777 == 0o600


def test_one_at_work_is_joined_and_leaving_it_changes_nothing(start: Callable[..., Task], tmp_path: Path) -> None:
    first, second = start("wait"), start("wait")
    assert first.folder == second.folder
    progress = wait(second, lambda progress: progress.done)
    assert (progress.state, progress.text, progress.done, progress.total, progress.unit) == (
        "working",
        "counting",
        3,
        10,
        "sheep",
    )
    del first, second
    (tmp_path / "go").touch()
    assert wait(start("wait")).result is not None
    assert len(pids(tmp_path, 2)) == 2


def test_cancelling_ends_everything_the_process_began(start: Callable[..., Task], tmp_path: Path) -> None:
    task = start("wait")
    started = pids(tmp_path, 2)
    task.cancel()
    wait_for(lambda: all(map(gone, started)))
    assert not task.folder.exists()
    assert task.look() == Task(task.folder).look() == Progress("failed", error="was cancelled")
    (tmp_path / "go").touch()
    assert wait(start("wait")).state == "done"


def test_cancelling_what_is_done_keeps_it(start: Callable[..., Task]) -> None:
    task = start("answer")
    wait(task)
    task.cancel()
    assert task.look().result == Task(task.folder).look().result == {"answer": 42}


def test_a_killed_process_has_failed_and_the_task_can_be_begun_again(
    start: Callable[..., Task], tmp_path: Path
) -> None:
    task = start("wait")
    leader, child = pids(tmp_path, 2)
    wait(task, lambda progress: progress.done)
    os.kill(leader, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    assert "killed" in wait(task).error
    (tmp_path / "go").touch()
    assert wait(start("wait")).state == "done"


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("refuse", "row 3: ␛[31mno answer"),
        ("break", "ValueError: unforeseen"),
        ("vanish", "its process ended before it was done: the last words"),
    ],
)
def test_a_failure_says_why(start: Callable[..., Task], do: str, error: str) -> None:
    assert wait(start(do)) == Progress("failed", error=error)


def test_a_task_begun_while_the_one_that_failed_is_ending_is_another(
    start: Callable[..., Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that failed lets go only once somebody waits for it."""
    first, nap = start("linger"), time.sleep
    wait(first)
    assert task_lock.holder(first.folder) == pids(tmp_path, 1)[0]
    monkeypatch.setattr(time, "sleep", lambda seconds: (tmp_path / "go").touch() or nap(seconds))
    assert wait(start("linger")).state == "failed"
    assert len(set(pids(tmp_path, 2))) == 2


def test_want_of_memory_is_a_failure_in_words(start: Callable[..., Task]) -> None:
    assert "GiB of memory that a data task may take" in wait(start("swell")).error


def test_a_torn_or_hostile_record_is_waited_for_or_failed(start: Callable[..., Task]) -> None:
    folder = start("answer").folder
    wait(Task(folder))
    for record in (b'{"state": "do', b"[1]", b'{"state": "done", "strange": 1}', b"", b"\xff\xfe"):
        (folder / "progress.json").write_bytes(record)
        assert wait(Task(folder)).state == "failed"
    assert wait(start("answer")).state == "done"


def test_a_damaged_result_is_worked_out_again(start: Callable[..., Task]) -> None:
    def ended() -> Progress:
        task = start("answer")
        found = wait(task)
        wait_for(lambda: task_lock.holder(task.folder) is None)
        return found

    result = start("answer").folder / "result.json"
    ended()
    for damaged in (b'{"answer": 43}', b"[]", b""):
        result.write_bytes(damaged)
        assert ended() == Progress("done", result={"answer": 42})
    result.unlink()
    os.mkfifo(result)
    assert ended() == Progress("done", result={"answer": 42})


def test_the_oldest_folders_are_swept(start: Callable[..., Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "KEPT", 2)
    kept = start("wait")
    for number in range(4):
        last = start("answer", (str(number),))
        wait(last)
    folders = set(kept.folder.parent.iterdir())
    assert len(folders) <= 3 and {kept.folder, last.folder} <= folders
    kept.cancel()


def test_a_home_that_cannot_be_written_refuses(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(TuituneError, match="count: cannot be started"):
        begin("count", {})


def test_a_lock_is_held_by_one_and_seen_without_being_taken(tmp_path: Path) -> None:
    lock = task_lock.take(tmp_path)
    assert lock is not None and task_lock.take(tmp_path) is None
    assert task_lock.holder(tmp_path) == 0
    task_lock.name_holder(lock, 4321)
    assert task_lock.holder(tmp_path) == 4321
    for strange in (b"1", b"-5", b"x", b"0", b"9" * 30):
        os.pwrite(lock, strange.ljust(30), 0)
        assert task_lock.holder(tmp_path) in (0, None) or strange == b"9" * 30
    os.close(lock)
    assert task_lock.holder(tmp_path) is None
    assert task_lock.holder(tmp_path / "missing") is None


def test_wanted_reaches_the_process_as_json(start: Callable[..., Task]) -> None:
    folder = start("answer").folder
    assert json.loads((folder / "wanted.json").read_bytes())["do"] == "answer"
