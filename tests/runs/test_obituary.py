"""Deaths that leave no traceback: who tells them apart, and from what."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, supervise_command
from tuitune.runs.directory import Run
from tuitune.runs.journal import Writer
from tuitune.runs.obituary import Exit, obituary, oom_kills
from tuitune.runs.state import derive

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


@pytest.mark.parametrize("exit", [Exit(None, "SIGKILL"), Exit(137, None)], ids=str)
def test_a_kill_is_for_memory_only_where_the_killer_was_at_work(run: Run, exit: Exit) -> None:
    for out_of_memory in (True, False):
        state, reason = obituary(run, exit, stop_requested=False, out_of_memory=out_of_memory)
        assert state == "crashed"
        assert reason.startswith("out of memory") == out_of_memory


@pytest.mark.parametrize("code", [0, 1, 3])
@pytest.mark.parametrize("outcome", ["finished", "stopped", "failed", "odd", 7, None])
def test_only_the_exit_code_and_the_word_together_are_a_finish(run: Run, code: int, outcome: object) -> None:
    with Writer(run.metrics_file) as metrics:
        metrics.append(kind="end", outcome=outcome, reason=None)
    state, _ = obituary(run, Exit.of(code), stop_requested=False, out_of_memory=False)
    assert (state == "finished") == (code == 0 and outcome == "finished")


def test_the_engines_own_words_about_the_disk_are_not_doubled(run: Run) -> None:
    with Writer(run.metrics_file) as metrics:
        metrics.append(kind="end", outcome="failed", reason="the disk is full: free some space")
    told = obituary(run, Exit.of(1), stop_requested=False, out_of_memory=False)
    assert told == ("failed", "the disk is full: free some space")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_noticed_where_nothing_could_be_written_about_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tuitune.runs.directory import Run; "
        "from tuitune.runs.obituary import Exit, obituary; "
        "print(*obituary(Run(Path(sys.argv[1])), Exit.of(42), stop_requested=False, out_of_memory=False))"
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
