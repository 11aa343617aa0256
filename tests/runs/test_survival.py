"""Nothing done to the terminal ends a run: real terminals, sessions and signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, engine_identity, events, steps, supervise_command, wait_for
from tuitune.runs import identity
from tuitune.runs.directory import Run
from tuitune.runs.state import derive

SCREEN = """
import fcntl, json, signal, sys, termios
from pathlib import Path
from tuitune.runs.directory import Run
from tuitune.runs.launcher import start_supervisor
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
start_supervisor(Run(Path(sys.argv[1])), json.loads(sys.argv[2]))
while True:
    signal.pause()
"""


@pytest.fixture
def terminal() -> Iterator[list[int]]:
    """The two ends of a terminal; a test may close them and empty the list."""
    ends = list(pty.openpty())
    yield ends
    for end in ends:
        os.close(end)


def screen(run: Run, terminal: int, done: Path) -> subprocess.Popen[bytes]:
    """A process in a session of its own, with `terminal` as its controlling one, that has launched the run."""
    worker = supervise_command(run, engine(run, "train", str(done)))
    process = subprocess.Popen(
        [sys.executable, "-c", SCREEN, str(run.path), json.dumps(worker)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_for(lambda: steps(run) > 2)
    return process


@pytest.mark.parametrize("blow", ["kill -9", "hang up", "close the terminal"])
def test_the_run_goes_on_to_its_end(run: Run, terminal: list[int], tmp_path: Path, blow: str) -> None:
    done = tmp_path / "done"
    process = screen(run, terminal[1], done)
    trainer = engine_identity(run)
    match blow:
        case "kill -9":
            process.kill()
        case "hang up":
            os.killpg(process.pid, signal.SIGHUP)
        case "close the terminal":
            os.close(terminal.pop())
            os.close(terminal.pop())
    process.wait(20)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 20)
    assert identity.alive(trainer)
    assert derive(run) == ("training", "")
    done.touch()
    wait_for(lambda: events(run, "ended"))
    assert derive(run) == ("finished", "")
    assert f"step {before}" in run.log_file.read_text()
