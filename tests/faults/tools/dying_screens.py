"""Screens that die while they start a run: there is one worker afterwards, or none, and never one that nobody owns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.tools.processes import started_with
from tests.runs.harness import ROOT, events, steps, wait_for
from tuitune.runs.read.state import derive, supervised
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run, list_runs, read_record
from tuitune.runs.store.identity import Identity


def points(home: Path, done: Path, *options: str) -> list[str]:
    """The points of starting a run that nothing happens to. `done` exists then, and the run has ended."""
    done.touch()
    found = _screen(home, done, *options)
    assert found.returncode == 0, found.stderr
    wait_for(lambda: all(events(run, "ended") and not supervised(run) for run in list_runs()))
    names: list[str] = json.loads(found.stdout)
    return names


def launch_and_die(home: Path, done: Path, at: int) -> int:
    """Launch a run from a screen that dies at a point; see that one run is at work and owned, or none; how many."""
    died = _screen(home, done, "--at", str(at))
    assert died.returncode == -signal.SIGKILL, (at, died)
    return _one_or_none(list_runs(), home, done, lives=1)


def resume_and_die(home: Path, done: Path, at: int, run: Run) -> int:
    """The same for the next life of a run at rest."""
    lives = len(events(run, "supervisor"))
    died = _screen(home, done, "--at", str(at), *again(run))
    assert died.returncode == -signal.SIGKILL, (at, died)
    return _one_or_none([run], home, done, lives=lives + 1)


def again(run: Run) -> tuple[str, ...]:
    """What makes the screen start the run's next life instead of a new run."""
    return "--run", str(run.path), "--after", str(journal.last_seq(run.events_file))


def _screen(home: Path, done: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "tests.faults.tools.launching", str(home), *options, str(done)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TUITUNE_HOME": str(home)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def _one_or_none(runs: list[Run], home: Path, done: Path, lives: int) -> int:
    assert len(runs) <= 1
    wait_for(lambda: not _beginning(home))
    workers = started_with(f"{home}/runs/")
    if not workers:
        for run in runs:
            assert len(events(run, "supervisor")) < lives
            assert derive(run)[0] != "training"
        return 0
    (run,) = runs
    wait_for(lambda: steps(run) > 2)
    owner = Identity.from_record(read_record(run.owner_file))
    assert owner is not None and identity.alive(owner)
    engines = [Identity.from_record(event["identity"]) for event in events(run, "engine")]
    owned = {owner.pid, *(engine.pid for engine in engines if engine and identity.alive(engine))}
    assert set(started_with(f"{home}/runs/")) == owned
    assert len(events(run, "supervisor")) == lives
    done.touch()
    wait_for(lambda: len(events(run, "ended")) == lives and not supervised(run))
    assert derive(run) == ("finished", "")
    wait_for(lambda: not started_with(f"{home}/runs/"))
    return 1


def _beginning(home: Path) -> bool:
    """Whether a supervisor has been started that has recorded nothing yet."""
    recorded = {
        event["identity"]["pid"] for run in list_runs() for event in events(run, "supervisor") + events(run, "engine")
    }
    return any(pid not in recorded for pid in started_with(f"{home}/runs/"))
