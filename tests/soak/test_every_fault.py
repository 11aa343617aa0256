"""Every kill, every failing system call and every damage that tests/faults takes some of; the numbers are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from tests.faults.tools import dying_supervisors
from tests.faults.tools.damage import Damaged
from tests.faults.tools.dying_screens import again, launch_and_die, points, resume_and_die
from tests.faults.tools.engines import Engines
from tests.faults.tools.failing_disk import fail_from_then_on, fail_once, kill_at_call
from tests.faults.tools.lives import Experiment, survive, trained_again
from tests.faults.tools.traces import moments, trace
from tests.faults.tools.tracing import SYNCS, WRITES, Call, needs_tracing
from tuitune.runs.store.directory import list_runs

pytestmark = [pytest.mark.slow, pytest.mark.soak]

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(f"\n[every fault] {text}", end="", flush=True)

    return show


@pytest.fixture(scope="module")
def experiment(engines: Engines, home_for_module: Path) -> Experiment:
    return Experiment(engines)


@pytest.fixture(scope="module")
def found(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return trace(experiment.engines, experiment.engines.run(), tmp_path_factory.mktemp("trace") / "trace").calls


T = TypeVar("T")


def try_each(what: str, cases: Sequence[T], attempt: Callable[[T], str], say: Say) -> None:
    """Try every case and say what came of them; fails in the end where one of them failed, and names all that did."""
    ends: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for number, case in enumerate(cases):
        if number % 25 == 0:
            say(f"{what}: {number} of {len(cases)}")
        try:
            ends[attempt(case)] += 1
        except AssertionError as error:
            failed[str(case)[:200]] = str(error)[-1500:]
    say(f"{what}: {len(cases)} tried, {len(failed)} failed; what came of them: {dict(ends)}")
    assert failed == {}


def test_an_engine_killed_at_any_point_leaves_a_run_that_ends_the_same(experiment: Experiment, say: Say) -> None:
    points = range(1, len(experiment.points) + 1)
    try_each("points of kill -9", points, lambda at: f"on from {survive(experiment, at).begun_from}", say)
    assert len(points) >= 80


@needs_tracing
def test_an_engine_killed_at_any_system_call_leaves_a_run_that_ends_the_same(
    experiment: Experiment, found: list[Call], tmp_path: Path, say: Say
) -> None:
    """Below Python: also between two writes of what torch, safetensors and tokenizers write by themselves."""
    calls = moments(found, (*WRITES, *SYNCS, "rename", "renameat", "unlink", "unlinkat", "rmdir"))
    try_each(
        "system calls with kill -9",
        calls,
        lambda call: f"on from {kill_at_call(experiment, call, tmp_path / 't')}",
        say,
    )
    assert len(calls) >= 80


def test_a_recovery_killed_at_any_point_is_recovered_from(experiment: Experiment, say: Say) -> None:
    """Three engines: the first dies in the middle of a save, at a commit, or while dropping the checkpoint before; the
    second at any point before it has trained a step; the third brings the run to its end."""
    commit = experiment.commit_of(4)
    tried = 0
    for at in (commit - 8, commit, commit + 1, commit + 3, commit + 6):
        for again_at in range(1, 200):
            run = experiment.killed(at)
            life = experiment.engines.live(run, kill_at=again_at)
            if life.signal is None or trained_again(run):
                break
            experiment.ends_the_same(run)
            tried += 1
    say(f"{tried} points of recovery with kill -9; every run ended the same")
    assert tried >= 40


@needs_tracing
def test_a_disk_full_at_any_one_write(experiment: Experiment, found: list[Call], tmp_path: Path, say: Say) -> None:
    calls = moments(found, WRITES)
    try_each(
        "calls that fail once for a full disk",
        calls,
        lambda call: fail_once(experiment, call, "ENOSPC", tmp_path / "t"),
        say,
    )


@needs_tracing
def test_a_disk_full_from_any_write_on(experiment: Experiment, found: list[Call], tmp_path: Path, say: Say) -> None:
    calls = moments(found, ("write", "writev"))
    try_each(
        "calls from which on the disk is full",
        calls,
        lambda call: fail_from_then_on(experiment, call, "ENOSPC", tmp_path / "t"),
        say,
    )


@needs_tracing
def test_a_sync_that_fails_anywhere(experiment: Experiment, found: list[Call], tmp_path: Path, say: Say) -> None:
    calls = moments(found, SYNCS)
    try_each("syncs that fail", calls, lambda call: fail_once(experiment, call, "EIO", tmp_path / "t"), say)


def test_every_damage_to_every_file_of_a_checkpoint(
    engines: Engines, home_for_module: Path, tmp_path: Path, say: Say
) -> None:
    damaged = Damaged(Experiment(engines, checkpoints__keep=2))
    cases = damaged.cases()
    try_each(f"damages to {len(damaged.files)} files", cases, lambda case: damaged.falls_back(*case, tmp_path), say)


@pytest.mark.parametrize("life", ["launch", "resume"])
def test_a_screen_killed_at_any_point_of_starting_a_run(
    life: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    done = tmp_path / "done"

    def home(name: str) -> Path:
        monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / name))
        return tmp_path / name

    first = home("whole")
    names = points(first, done)
    (run,) = list_runs()
    if life == "resume":
        names = points(first, done, *again(run))

    def die(at: int) -> str:
        done.unlink(missing_ok=True)
        alive = launch_and_die(home(f"{at}"), done, at) if life == "launch" else resume_and_die(first, done, at, run)
        return "one worker" if alive else "no worker"

    try_each(f"points of a {life} at which the screen dies", range(1, len(names) + 1), die, say)


def test_a_supervisor_killed_at_any_point_is_taken_over(tmp_path: Path, say: Say) -> None:
    done = tmp_path / "done"
    names = dying_supervisors.points(done)

    def take_over(at: int) -> str:
        dying_supervisors.take_over(dying_supervisors.crashed(done, at), done, names, at)
        return "taken over"

    try_each("points of a supervisor's life with kill -9", range(1, len(names) + 1), take_over, say)


def test_a_take_over_killed_at_any_point_is_taken_over(tmp_path: Path, say: Say) -> None:
    done = tmp_path / "done"
    start = dying_supervisors.points(done).index("start of a process") + 1
    tried = 0
    for at in (start - 3, start + 2, start + 3):
        for again_at in range(1, 100):
            run = dying_supervisors.crashed(done, at)
            if not dying_supervisors.die_again(run, done, again_at):
                break
            dying_supervisors.points(done, former=run)
            tried += 1
    say(f"{tried} points of a second supervisor's life with kill -9; every third one took over")
