from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, events, launch_stand_ins, supervise_command, wait_for
from tuitune.hardware.session import Session
from tuitune.problem import TuituneError
from tuitune.recipe import document
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.control import spool
from tuitune.runs.launcher import launch
from tuitune.runs.located import resolve_paths
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run, create, list_runs
from tuitune.runs.store.provenance import fingerprint, record_sources
from tuitune.runs.supervise.supervisor import supervise


def recipe(**data: object) -> Recipe:
    made = Recipe()
    return made.model_copy(update={"data": made.data.model_copy(update=data)})


def test_data_files_that_are_mixed_in_are_fingerprinted_too(home: Path, tmp_path: Path) -> None:
    for name in ("rows", "others"):
        (tmp_path / name).write_text('{"text": "hello"}\n')
    wanted = recipe(train=str(tmp_path / "rows"), mix={str(tmp_path / "others"): 0.5})
    run = create(wanted)
    assert record_sources(run, wanted) == []
    (tmp_path / "others").write_text('{"text": "other"}\n')
    assert record_sources(run, wanted) == [str(tmp_path / "others")]
    assert record_sources(run, wanted) == []


def test_what_rewards_judge_by_is_fingerprinted_too(home: Path, tmp_path: Path) -> None:
    schema, unread = tmp_path / "record.json", tmp_path / "mine.py"
    schema.write_text('{"type": "object"}')
    unread.write_text("")
    given = ["objective.kind=grpo", "rewards.weights=schema=1", f"rewards.schema_file={schema}"]
    wanted = apply(Recipe(), [*given, f"rewards.file={unread}"])
    run = create(wanted)
    assert record_sources(run, wanted) == []
    schema.write_text('{"type": "array"}')
    unread.write_text("pass")
    assert record_sources(run, wanted) == [str(schema)]
    assert record_sources(run, wanted) == []


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data file, with the working directory beside it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "hello"}\n')
    return path


def test_local_names_become_absolute_and_others_stay(rows: Path) -> None:
    (rows.parent / "weights").mkdir()
    made = recipe(train="rows.jsonl", eval="./rows.jsonl")
    made = made.model_copy(update={"model": made.model.model_copy(update={"id": "weights"})})
    resolved = resolve_paths(made, rows.parent)
    assert (resolved.data.train, resolved.data.eval) == (str(rows), str(rows))
    assert resolved.model.id == str(rows.parent / "weights")
    for name in ("bundled:triage", "org/data", "https://example.org/rows.jsonl", "x" * 5000):
        assert resolve_paths(recipe(train=name, eval=0.1), rows.parent).data.train == name
    for name in ("nowhere.jsonl", "data/rows.jsonl", "parts/*.jsonl"):  # a run looks for them from another folder
        assert resolve_paths(recipe(train=name, eval=0.1), rows.parent).data.train == str(rows.parent / name)
    assert resolve_paths(Recipe(), rows.parent) == Recipe()


def test_a_launched_run_is_at_work_when_it_is_returned(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch_stand_ins(monkeypatch, "train")
    before = os.umask(0)
    try:
        run = launch(recipe(train="rows.jsonl", eval=None))
    finally:
        os.umask(before)
    spool.request(run, "stop")
    assert list_runs() == [run]
    assert document.read(run.recipe_file).data.train == str(rows)
    wait_for(lambda: events(run, "ended"), seconds=60)
    assert derive(run)[0] == "stopped"
    for path in [run.path, *run.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is launched has a stand-in for its engine, which finishes at once."""
    launch_stand_ins(monkeypatch, "finish")


@pytest.mark.usefixtures("brief")
def test_it_is_recorded_where_a_run_comes_from(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_thisisasecretofmine")
    monkeypatch.setattr(sys, "argv", ["tuitune", "train", "--set", "run.notes=hf_thisisasecretofmine"])
    run = launch(recipe(train="rows.jsonl", eval=None))
    record = json.loads(run.run_file.read_text())
    assert record["command_line"][-1] == "run.notes=•••"
    assert record["packages"]["transformers"][0].isdigit()
    assert record["model"] == {"id": "bundled:nano", "revision": "main"}
    assert record["data"]["eval"] is None
    train = record["data"]["train"]
    assert (train["path"], train["bytes"]) == (str(rows), 18)
    assert train["sha256"] == subprocess.run(["sha256sum", str(rows)], capture_output=True, text=True).stdout.split()[0]
    wait_for(lambda: events(run, "ended"), seconds=60)
    written = [path.read_bytes() for path in run.path.rglob("*") if path.is_file()]
    assert not any(b"hf_thisisasecretofmine" in content for content in written)


def test_only_files_have_fingerprints(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for source in (
        None,
        0.05,
        "bundled:triage",
        "org/name",
        str(tmp_path),
        str(tmp_path / "none"),
        str(tmp_path / "fifo"),
    ):
        assert fingerprint(source) is None


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / "file"))
    with pytest.raises(TuituneError, match="cannot be made"):
        launch(Recipe())


def test_nothing_is_left_of_a_run_whose_supervisor_cannot_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(TuituneError, match="ended at once: no output"):
        launch(Recipe())
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(TuituneError, match="cannot be started"):
        launch(Recipe())
    assert list((home / "runs").iterdir()) == []


def test_a_supervisor_is_started_from_anywhere(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from a folder that holds traps for imports."""
    for trap in ("torch.py", "json.py", "sitecustomize.py", "filelock.py"):
        (tmp_path / trap).write_text("raise SystemExit('trapped')")
    monkeypatch.chdir(tmp_path)
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "finish")))
    wait_for(lambda: events(run, "ended"))
    assert derive(run) == ("finished", "")


def test_a_supervisor_finds_tuitune_in_a_checkout_that_is_not_installed(run: Run) -> None:
    with pytest.raises(TuituneError, match=f"ended at once: {ROOT}"):
        launcher.start_supervisor(run, command=[sys.executable, "-c", "import os; print(os.environ['PYTHONPATH'])"])


@pytest.mark.usefixtures("brief")
def test_a_second_run_of_a_name_is_told_apart(rows: Path) -> None:
    runs = [launch(recipe(train="rows.jsonl", eval=None)) for _ in range(3)]
    assert [run.name for run in runs] == ["my-run", "my-run-2", "my-run-3"]
    assert document.read(runs[1].recipe_file).run.name == "my-run-2"
    wait_for(lambda: all(events(run, "ended") for run in runs), seconds=90)


def test_runs_launched_at_once_are_told_apart(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As several `tuitune train` of one recipe do: whoever looks which names there are has not made its own yet."""
    monkeypatch.setattr(launcher, "start_supervisor", lambda run: None)
    monkeypatch.setattr(launcher, "provenance", lambda recipe: {})
    looked = threading.Barrier(2)

    def slowly() -> list[Run]:
        found = list_runs()
        with suppress(threading.BrokenBarrierError):
            looked.wait(0.2)
        return found

    monkeypatch.setattr(launcher, "list_runs", slowly)
    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(lambda _: launch(recipe(train="rows.jsonl", eval=None)), range(6)))
    assert len({run.name for run in runs}) == 6


UNIT = """#!/bin/sh
echo "$@" > "$0.said"
while [ "$1" != "--" ]; do shift; done
shift
exec env AS_A_UNIT=yes XDG_RUNTIME_DIR=OURS "$@"
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemd-run` that does what it is told, on a machine whose logouts end what was started in them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemd-run"
    program.write_text(UNIT.replace("OURS", os.environ["XDG_RUNTIME_DIR"]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(launcher, "session", lambda: Session(login="session", kills=True, lingers=True, manager=True))
    return program


def test_a_supervisor_is_a_unit_where_it_would_not_outlive_the_login(run: Run, manager: Path) -> None:
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "tell", "AS_A_UNIT")))
    wait_for(lambda: events(run, "ended"))
    assert "'AS_A_UNIT': 'yes'" in run.log_file.read_text()
    assert f"--unit=tuitune-{run.id}" in manager.with_name("systemd-run.said").read_text()


@pytest.mark.parametrize("failure", ["exit 1", "exec /no/such/program", ""])
def test_where_the_manager_does_not_answer_it_is_a_process(run: Run, manager: Path, failure: str) -> None:
    if failure:
        manager.write_text(f"#!/bin/sh\n{failure}\n")
    else:
        manager.unlink()
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "tell", "AS_A_UNIT")))
    wait_for(lambda: events(run, "ended"))
    assert "'AS_A_UNIT': None" in run.log_file.read_text()
    assert len(events(run, "supervisor")) == 1


def test_a_unit_that_is_refused_is_not_tried_again_as_a_process(run: Run, manager: Path) -> None:
    supervise(run, engine(run, "say-stopped"))
    with pytest.raises(TuituneError, match="was just started by another process"):
        launcher.start_supervisor(run, command=supervise_command(run, engine(run, "finish")))
    assert run.log_file.read_text().count("not supervised") == 1
