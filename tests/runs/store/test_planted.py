"""Links, pipes and folders planted in a run's directory, and modes of what is written there: nothing is followed,
nothing hangs, nobody else can read.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tests.runs.crash import forked
from tests.runs.harness import engine, events, last_event, supervise_command, wait_for
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, create
from tuitune.runs.supervise.supervisor import UNABLE, supervise

NAMES = ["events.jsonl", "metrics.jsonl", "log.txt", "lease.lock", "owner.json", ".reserve", "control", "recipe.toml"]
PRECIOUS = b"precious\n"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plant", ["symlink", "hardlink", "fifo", "directory"])
def test_a_life_neither_follows_what_was_planted_nor_hangs_on_it(
    run: Run, tmp_path: Path, name: str, plant: str
) -> None:
    target = tmp_path / "precious"
    target.write_bytes(PRECIOUS)
    path = run.path / name
    if name == "control":
        path.rmdir()
    path.unlink(missing_ok=True)
    match plant:
        case "symlink":
            path.symlink_to(target)
        case "hardlink":
            path.hardlink_to(target)
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
            (path / "kept").write_bytes(PRECIOUS)
    command = engine(run, "finish") if name == "metrics.jsonl" else ["/bin/sh", "-c", "exit 3"]
    code = forked(lambda: supervise(run, command, after=last_event(run)), tmp_path / "said")
    said = (tmp_path / "said").read_text()
    assert code in (0, UNABLE), said
    assert "Traceback" not in said
    if code == UNABLE:
        assert "[tuitune] not supervised: the run's directory cannot be used: " in said
    assert target.read_bytes() == PRECIOUS
    if plant == "directory" and name != "owner.json":
        assert (path / "kept").read_bytes() == PRECIOUS
    assert derive(run)[0] == summarize(run).state
    if code == 0:
        assert derive(run)[0] in AT_REST


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_only_its_owner_can_read_a_run_whatever_the_mask(mask: int) -> None:
    before = os.umask(mask)
    try:
        run = create(Recipe())
        command = supervise_command(run, engine(run, "train", str(run.path / "recipe.toml")))
        command[3] = command[3].replace("os.umask(0o077)\n", "")
        launcher.start_supervisor(run, command=command)
    finally:
        os.umask(before)
    wait_for(lambda: events(run, "ended"))
    wait_for(lambda: not (run.path / ".reserve").exists())
    found = [run.path, *run.path.rglob("*")]
    assert {path.name for path in found} >= {"events.jsonl", "metrics.jsonl", "owner.json", "lease.lock", "log.txt"}
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_module_that_lies_about_is_not_imported(run: Run, tmp_path: Path) -> None:
    """A run's directory is where its processes are at home: what is dropped there is no code of theirs."""
    for trap in ("json.py", "torch.py", "filelock.py", "tuitune.py", "sitecustomize.py"):
        (run.path / trap).write_text("raise SystemExit('trapped')")
    command = supervise_command(run, [sys.executable, "-P", *engine(run, "finish")[1:]])
    launcher.start_supervisor(run, command=command)
    wait_for(lambda: events(run, "ended"))
    assert derive(run) == ("finished", "")
