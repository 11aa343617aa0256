from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from tuitune import paths
from tuitune.problem import TuituneError
from tuitune.recipe import document
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.run import RunSection
from tuitune.runs.store import checkpoints, files
from tuitune.runs.store.directory import Run, create, created_at, find, list_runs, read_record


def named(name: str) -> Run:
    return create(Recipe(run=RunSection(name=name)))


def test_a_new_run_holds_its_recipe_and_where_it_comes_from(home: Path) -> None:
    recipe = Recipe(run=RunSection(name="first"))
    run = create(recipe, info={"host": "here"})
    assert run.path.parent == home / "runs"
    assert re.fullmatch(r"[0-9A-Z]{26}-first", run.path.name)
    assert (run.id, run.name) == (run.path.name[:26], "first")
    assert document.read(run.recipe_file) == recipe
    assert "learning_rate" in run.recipe_file.read_text(), "the frozen recipe names every setting"
    record = json.loads(run.run_file.read_text())
    assert (record["v"], record["id"], record["name"], record["host"]) == (1, run.id, "first", "here")
    assert record["created_at"] == created_at(run)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_run_is_its_owners_alone(mask: int) -> None:
    before = os.umask(mask)
    try:
        run = named("private")
    finally:
        os.umask(before)
    for path in [run.path, *run.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


NAMES = ["", ".", "..", "../up", "/etc", "a/b", "UPPER", "-dash", ".hidden", "new\nline", "a\n", "é", "a b", "x" * 65]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_that_would_lead_elsewhere_are_refused(name: str, home: Path) -> None:
    unchecked = Recipe().model_copy(update={"run": RunSection.model_construct(name=name, notes="", seed=1)})
    with pytest.raises(TuituneError, match=r"run\.name"):
        create(unchecked)
    assert not home.exists()


def test_nothing_is_left_of_a_run_that_could_not_be_made(home: Path) -> None:
    with pytest.raises(TypeError):
        create(Recipe(), info={"unwritable": object()})
    with pytest.raises(UnicodeEncodeError):
        create(Recipe().model_copy(update={"run": RunSection.model_construct(name="a", notes="\ud800", seed=1)}))
    assert list((home / "runs").iterdir()) == []


def test_runs_are_listed_newest_first_and_only_runs(home: Path) -> None:
    assert list_runs() == []
    old, new = home / "runs" / f"{'0' * 26}-old", named("new")
    old.mkdir()
    for name in ("notes", ".trash-x", "0" * 25 + "-short", "0" * 26 + "-UPPER"):
        (home / "runs" / name).mkdir()
    (home / "runs" / f"{'1' * 26}-link").symlink_to(old)
    (home / "runs" / f"{'2' * 26}-file").write_text("")
    assert list_runs() == [new, Run(old)]


def test_a_run_is_found_by_every_way_to_name_it(home: Path) -> None:
    one, other = (Run(home / "runs" / f"{'0' * 24}{end}") for end in ("AB-one", "AC-other"))
    for run in (one, other):
        run.path.mkdir(parents=True)
    for reference in (one.id, one.path.name, "one", one.id.lower()):
        assert find(reference) == one
    with pytest.raises(TuituneError, match="names 2 runs") as refusal:
        find(one.id[:-1])
    assert one.id in str(refusal.value)
    assert "(other)" in str(refusal.value)


def test_what_is_not_found_is_said_harmlessly() -> None:
    with pytest.raises(TuituneError, match="none yet"):
        find("x")
    one = named("one")
    for reference in ("", "../one", "two", "\x1b[2J\u202e"):
        with pytest.raises(TuituneError) as refusal:
            find(reference)
        assert one.id in str(refusal.value)
        assert "\x1b" not in str(refusal.value)
        assert "\u202e" not in str(refusal.value)


def test_a_name_that_two_runs_bear_names_neither() -> None:
    named("twin"), named("twin")
    with pytest.raises(TuituneError, match="names 2 runs"):
        find("twin")


def test_a_directory_with_another_name_is_a_run_too(tmp_path: Path) -> None:
    assert (Run(tmp_path / "copied").id, Run(tmp_path / "copied").name) == ("copied", "copied")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 200_000, b"0" * (2 << 20)], ids=len)
def test_a_damaged_record_is_an_empty_one(run: Run, content: bytes) -> None:
    run.run_file.write_bytes(content)
    assert read_record(run.run_file) == {}
    assert created_at(run) == pytest.approx(run.path.stat().st_mtime, abs=60), "the id says it"
    copied = Run(run.path.rename(run.path.with_name("copied")))
    assert created_at(copied) == copied.path.stat().st_mtime


def test_a_record_behind_a_link_or_a_fifo_is_an_empty_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"created_at": 1}')
    run.run_file.unlink()
    run.run_file.symlink_to(tmp_path / "elsewhere")
    assert read_record(run.run_file) == {}
    run.run_file.unlink()
    os.mkfifo(run.run_file)
    assert read_record(run.run_file) == {}
    assert created_at(Run(paths.runs_home() / "gone")) is None


def test_drafts_of_writers_that_are_gone_are_cleared_away(run: Run, tmp_path: Path) -> None:
    dead = [run.path / f".{name}.4194305" for name in ("run.json", "data.json", "recipe.toml", "owner.json")]
    kept = [run.path / f".run.json.{os.getpid()}", run.path / ".notes.1", run.path / ".run.json.mine"]
    outside = tmp_path / ".aside.json.4194305"
    for path in (*dead, *kept, outside):
        path.touch()
    run.control.rmdir()
    run.control.symlink_to(tmp_path)
    checkpoints.clear_debris(run)
    assert not any(path.exists() for path in dead) and all(path.exists() for path in (*kept, outside))


def test_a_file_is_replaced_whole_and_no_draft_stays(tmp_path: Path) -> None:
    path = tmp_path / "owner.json"
    files.write_whole(path, b"old")
    files.write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError):
        files.write_whole(path, b"newer")
    assert [entry.name for entry in tmp_path.iterdir()] == ["owner.json"]
    assert files.tail(path, 10) == b""
