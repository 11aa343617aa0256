from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs.harness import engine, engine_identity, start_supervisor
from tuitune.problem import TuituneError
from tuitune.runs.deletion import delete
from tuitune.runs.queue import order, waiting_list
from tuitune.runs.store import identity, journal, lease
from tuitune.runs.store.directory import Run, list_runs
from tuitune.runs.supervise.supervisor import supervise


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
    with lease.hold(run), pytest.raises(TuituneError, match="still running"):
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


def test_a_paused_run_can_be_removed(run: Run) -> None:
    with lease.hold(run):
        writer = journal.JournalWriter(run.events_file)
        writer.append(event="supervisor", identity=identity.current().as_record(), life=1)
        writer.append(event="ended", state="paused", reason="", sync=True)
    delete(run)
    assert list_runs() == []


def test_its_place_in_the_queue_goes_with_it(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    with waiting_list.changing(1) as entries:
        entries.append(waiting_list.Entry(run.path.name, ("cpu",), False, identity.current()))
    assert order.waiting() == [run]
    delete(run)
    assert order.waiting() == []


def test_a_run_of_another_machine_is_not_removed(run: Run) -> None:
    """Seen from here it has crashed; there it may be at work."""
    there = {**identity.current().as_record(), "host": "other", "boot_id": "another"}
    run.owner_file.write_text(json.dumps(there))
    journal.JournalWriter(run.events_file).append(event="supervisor", identity=there, life=1, sync=True)
    with pytest.raises(TuituneError, match="it runs on other"):
        delete(run)
    assert run.recipe_file.exists()
