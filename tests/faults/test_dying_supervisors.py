"""kill -9 to a supervisor at some points of its life; `make soak` takes every point."""

from __future__ import annotations

from pathlib import Path

from tests.faults.dying_supervisors import crashed, die_again, points, take_over

_STRIDE = 4


def test_every_recorded_event_survives_and_the_next_supervisor_takes_over(tmp_path: Path) -> None:
    names = points(tmp_path / "done")
    for at in range(1, len(names) + 1, _STRIDE):
        take_over(crashed(tmp_path / "done", at), tmp_path / "done", names, at)


def test_a_take_over_that_is_killed_too_is_taken_over(tmp_path: Path) -> None:
    names = points(tmp_path / "done")
    at = next(number for number, name in enumerate(names, start=1) if name == "start of a process") + 3
    for again in (3, 8, 15):
        run = crashed(tmp_path / "done", at)
        assert die_again(run, tmp_path / "done", again)
        points(tmp_path / "done", former=run)
