from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.harness import engine, engine_identity, start_supervisor
from tuitune.problem import TuituneError
from tuitune.runs import lease
from tuitune.runs.deletion import delete
from tuitune.runs.directory import Run, list_runs
from tuitune.runs.supervisor import supervise


def test_an_ended_run_is_removed_and_links_are_not_followed(run: Run, home: Path, tmp_path: Path) -> None:
    supervise(run, engine(run, "finish"))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    run.adapter.symlink_to(precious)
    run.checkpoints.mkdir()
    (run.checkpoints / "link").symlink_to(precious / "file")
    (home / "runs" / ".trash-left-over").mkdir()
    delete(run)
    assert list_runs() == []
    assert list((home / "runs").iterdir()) == []
    assert (precious / "file").read_text() == "precious"


def test_a_live_run_is_not_removed(run: Run, tmp_path: Path) -> None:
    process = start_supervisor(run, "train", str(tmp_path / "done"))
    engine_identity(run)
    with pytest.raises(TuituneError, match="stop it first"):
        delete(run)
    (tmp_path / "done").touch()
    process.wait(20)
    delete(run)
    assert not run.path.exists()


def test_a_run_that_somebody_holds_is_not_removed(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    with lease.hold(run), pytest.raises(TuituneError, match="still at work"):
        delete(run)
    assert run.recipe_file.exists()


def test_a_damaged_run_can_be_removed(run: Run) -> None:
    run.recipe_file.unlink()
    run.lease_file.symlink_to("/dev/null")
    delete(run)
    assert not run.path.exists()


def test_a_link_in_place_of_a_run_is_left_alone(run: Run, tmp_path: Path) -> None:
    supervise(run, engine(run, "finish"))
    moved = tmp_path / "moved"
    run.path.rename(moved)
    run.path.symlink_to(moved)
    with pytest.raises(TuituneError, match="not a directory"):
        delete(run)
    assert (moved / "recipe.toml").exists()


def test_what_is_gone_already_is_said(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    delete(run)
    with pytest.raises(TuituneError, match="cannot be deleted"):
        delete(run)
