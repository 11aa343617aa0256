"""kill -9 to a screen at some points of launching and of resuming a run; `make soak` takes every point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.faults.tools.dying_screens import again, launch_and_die, points, resume_and_die
from tuitune.runs.store.directory import list_runs

MakeHome = Callable[[], Path]


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeHome:
    """Makes another empty home the current one."""
    numbers: Iterator[int] = count()

    def make() -> Path:
        home = tmp_path / f"home-{next(numbers)}"
        monkeypatch.setenv("TUITUNE_HOME", str(home))
        return home

    return make


def around_the_start(names: list[str]) -> list[int]:
    """A few of the points before a process is started, and all from there on."""
    start = names.index("start of a process") + 1
    return [1, start // 2, *range(start - 1, len(names) + 1)]


def what_tells(names: list[str]) -> list[int]:
    """The points of which something is known beforehand."""
    return [names.index(name) + 1 for name in ("start of a process", "waiting for its first event", "it is at work")]


@pytest.mark.parametrize("chosen", [what_tells, pytest.param(around_the_start, marks=pytest.mark.slow)])
def test_a_launch_that_dies_leaves_one_worker_or_none(
    fresh_home: MakeHome, tmp_path: Path, chosen: Callable[[list[str]], list[int]]
) -> None:
    names = points(fresh_home(), tmp_path / "done")
    workers = {}
    for at in chosen(names):
        (tmp_path / "done").unlink(missing_ok=True)
        workers[names[at - 1]] = launch_and_die(fresh_home(), tmp_path / "done", at)
    assert workers["start of a process"] == 0
    assert workers["waiting for its first event"] == workers["it is at work"] == 1


@pytest.mark.slow
def test_a_resume_that_dies_leaves_one_worker_or_none(fresh_home: MakeHome, tmp_path: Path) -> None:
    home = fresh_home()
    points(home, tmp_path / "done")
    (run,) = list_runs()
    names = points(home, tmp_path / "done", *again(run))
    workers = {}
    for at in around_the_start(names):
        (tmp_path / "done").unlink(missing_ok=True)
        workers[names[at - 1]] = resume_and_die(home, tmp_path / "done", at, run)
    assert workers["start of a process"] == 0
    assert workers["waiting for its first event"] == workers["it is at work"] == 1
