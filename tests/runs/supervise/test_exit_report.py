"""Deaths that leave no traceback: who tells them apart, and from what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, supervise_command
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.supervise.exit_report import EngineExit, ExitReport, exit_report, oom_kills

MEMORY = 150 << 20


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group with little memory."""
    old, new = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    group = (old if old.is_dir() else new) / f"tuitune-test-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("control groups cannot be made here")
    try:
        limit.write_text(str(MEMORY))
        yield group
    except OSError:
        pytest.skip("the memory of a control group cannot be limited here")
    finally:
        group.rmdir()


def test_the_out_of_memory_killer_is_named(run: Run, small_group: Path) -> None:
    command = supervise_command(run, engine(run, "hog"))
    enter = f'echo $$ > "{small_group}/cgroup.procs" && exec "$@"'
    subprocess.run(
        ["sh", "-c", enter, "sh", *command], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=30
    )
    assert derive(run) == ("crashed", "out of memory: the kernel killed the engine")


def test_the_count_of_kills_only_grows() -> None:
    first = oom_kills()
    assert 0 <= first <= oom_kills()


@pytest.mark.parametrize("exit", [EngineExit(None, "SIGKILL"), EngineExit(137, None)], ids=str)
def test_a_kill_is_for_memory_only_where_the_killer_was_at_work(run: Run, exit: EngineExit) -> None:
    for oom_killed in (True, False):
        ending = exit_report(run, exit, oom_killed=oom_killed)
        assert ending.state == "crashed"
        assert ending.reason.startswith("out of memory") == ending.out_of_memory == oom_killed


@pytest.mark.parametrize("code", [0, 1, 3, 4])
@pytest.mark.parametrize("outcome", ["finished", "stopped", "failed", "paused", "odd", 7, None])
def test_only_the_exit_code_and_the_word_together_are_a_finish(run: Run, code: int, outcome: object) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="end", outcome=outcome, reason=None)
    state = exit_report(run, EngineExit.of(code)).state
    assert (state == "finished") == (code == 0 and outcome == "finished")


def test_the_engines_own_words_about_the_disk_are_not_doubled(run: Run) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="end", outcome="failed", reason="the disk is full: free some space")
    told = exit_report(run, EngineExit.of(1))
    assert told == ExitReport("failed", "the disk is full: free some space")


def said(run: Run, **record: object) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="end", **record)


def test_a_pause_is_a_pause_whatever_the_engine_called_it(run: Run) -> None:
    """It may have been told to pause before it could tell the difference; a limit that it met meanwhile is a stop."""
    for code, outcome in ((4, "paused"), (3, "stopped")):
        said(run, outcome=outcome, reason="after step 3")
        assert exit_report(run, EngineExit.of(code), asked="pause") == ExitReport("paused", "after step 3")
    assert exit_report(run, EngineExit(None, "SIGTERM"), asked="pause").state == "paused"
    said(run, outcome="stopped", reason="the budget is spent", cause="limit")
    assert exit_report(run, EngineExit.of(3), asked="pause") == ExitReport("stopped", "the budget is spent")


def test_a_kill_that_was_asked_for_is_no_crash(run: Run) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="phase", text="training")
    for returncode in (-signal.SIGTERM, -signal.SIGKILL, 137, 1):
        ending = exit_report(run, EngineExit.of(returncode), asked="kill")
        assert ending == ExitReport("stopped", "killed on request while training")
    assert exit_report(run, EngineExit.of(-signal.SIGSEGV), asked="kill").state == "crashed"
    assert exit_report(run, EngineExit.of(-signal.SIGTERM)).state == "crashed"


def test_the_last_word_of_an_earlier_engine_says_nothing_of_this_one(run: Run) -> None:
    said(run, outcome="finished", reason=None)
    assert exit_report(run, EngineExit.of(0), after=0).state == "finished"
    assert exit_report(run, EngineExit.of(0), after=1).state == "crashed"


def test_out_of_memory_is_known_from_the_gpu_the_machine_and_a_worker(run: Run) -> None:
    said(run, outcome="failed", reason="the GPU ran out of memory. Use a smaller batch.", cause="out-of-memory")
    assert exit_report(run, EngineExit.of(1)).out_of_memory
    said(run, outcome="failed", reason="RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.")
    assert exit_report(run, EngineExit.of(1), oom_killed=True).out_of_memory
    assert not exit_report(run, EngineExit.of(1)).out_of_memory
    said(run, outcome="failed", reason="ValueError: something else")
    assert not exit_report(run, EngineExit.of(1), oom_killed=True).out_of_memory, "somebody else's process"


def test_a_gpu_error_of_the_kernel_is_in_the_reason(run: Run) -> None:
    xid = "GPU error Xid 79 on 0000:3b:00: the GPU has fallen off the bus"
    run.log_file.write_text("CUDA error: unspecified launch failure\n")
    for gone in (EngineExit.of(1), EngineExit.of(-signal.SIGABRT)):
        assert f"; {xid}; last output: CUDA error" in exit_report(run, gone, xids=[xid]).reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_noticed_where_nothing_could_be_written_about_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tuitune.runs.store.directory import Run; "
        "from tuitune.runs.supervise.exit_report import EngineExit, exit_report; "
        "found = exit_report(Run(Path(sys.argv[1])), EngineExit.of(42)); "
        "print(found.state, found.reason)"
    )
    command = 'mount -t tmpfs -o size=256k tmpfs "$2" && exec "$0" -c "$1" "$2"'
    found = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable, code, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if found.returncode:
        pytest.skip("no mount namespaces here")
    assert found.stdout.strip() == "crashed disk full: the engine ended with exit code 42"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("Error out of memory at line 380 in file /src/csrc/pythonInterface.cpp", "the GPU"),
        ("RuntimeError: CUDA driver error: out of memory", "the GPU"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "this machine"),
    ],
)
def test_an_engine_whose_native_code_ended_it_for_memory(run: Run, said: str, place: str) -> None:
    run.log_file.write_text(f"[tuitune] training\n{said}\n")
    ending = exit_report(run, EngineExit.of(1))
    assert ending.state == "failed" and ending.out_of_memory
    assert ending.reason.startswith(f"{place} ran out of memory") and said in ending.reason
    run.log_file.write_text(f"[tuitune] training\n{said}\n[tuitune] step 7\n")
    assert not exit_report(run, EngineExit.of(1)).out_of_memory


def test_an_engine_that_gave_a_reason_of_its_own_is_believed(run: Run) -> None:
    run.log_file.write_text("RuntimeError: CUDA driver error: out of memory\n")
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="end", outcome="failed", reason="model.id: no such model", cause=None)
    assert exit_report(run, EngineExit.of(1)) == ExitReport("failed", "model.id: no such model")
