"""Supervisors that die at a point of their lives: what they had recorded stays, and the next one takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.tools.processes import started_with
from tests.runs.harness import ROOT, engine, events, steps, wait_for
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import derive
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run, create

SYNCED = "fdatasync events.jsonl"


def live(run: Run, done: Path, at: int = 0) -> subprocess.Popen[bytes]:
    """A life of the run under a supervisor that is killed at a point, or at none; its engine finishes once `done`
    exists."""
    after = str(journal.last_seq(run.events_file))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.faults.tools.supervising", str(run.path), after, str(at),
         *engine(run, "train", str(done))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def points(done: Path, former: Run | None = None) -> list[str]:
    """The points of a life that nothing happens to; the second life of `former` where that is given."""
    run = former or create(Recipe())
    left_alone = live(run, done)
    _train_to_the_end(run, left_alone, done)
    assert left_alone.stdout is not None
    names: list[str] = json.loads(left_alone.stdout.read())
    return names


def crashed(done: Path, at: int) -> Run:
    """A run whose first supervisor was killed at a point, once its engine has noticed."""
    done.unlink(missing_ok=True)
    run = create(Recipe())
    _die(run, done, at)
    return run


def take_over(run: Run, done: Path, names: list[str], at: int) -> None:
    """See that what the dead supervisor had put on disk is there, that the state is true, and that the run goes on."""
    recorded = journal.read_all(run.events_file)
    acknowledged = names[: at - 1].count(SYNCED)
    assert acknowledged <= len(recorded) <= acknowledged + 1, (names[at - 1], recorded)
    assert [event["seq"] for event in recorded] == list(range(1, len(recorded) + 1))
    state, reason = derive(run)
    ended = bool(recorded) and recorded[-1]["event"] == "ended"
    assert state == ("finished" if ended else "crashed" if recorded else "queued"), (names[at - 1], state, reason)

    lives = len(events(run, "supervisor"))
    done.unlink(missing_ok=True)
    _train_to_the_end(run, live(run, done), done)
    found = journal.read_all(run.events_file)
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    assert len(events(run, "supervisor")) == lives + 1 == len(events(run, "ended"))
    assert found[: len(recorded)] == recorded
    assert journal.JournalReader(run.events_file).broken == 0


def die_again(run: Run, done: Path, at: int) -> bool:
    """Kill the next supervisor too, at a point of its own; False where it came to its end before that point."""
    done.unlink(missing_ok=True)
    return _die(run, done, at)


def _die(run: Run, done: Path, at: int) -> bool:
    supervisor = live(run, done, at)
    before = steps(run)
    wait_for(lambda: supervisor.poll() is not None or steps(run) > before + 2)
    done.touch()
    supervisor.wait(30)
    wait_for(lambda: not started_with(str(run.path)))
    return supervisor.returncode == -signal.SIGKILL


def _train_to_the_end(run: Run, supervisor: subprocess.Popen[bytes], done: Path) -> None:
    before = steps(run)
    wait_for(lambda: supervisor.poll() is not None or steps(run) > before + 2)
    done.touch()
    assert supervisor.wait(30) == 0, supervisor.stderr and supervisor.stderr.read()
    assert derive(run) == ("finished", "")
