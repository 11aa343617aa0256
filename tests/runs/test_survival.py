"""Nothing done to the terminal ends a run: real terminals, sessions and signals."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, engine_identity, events, steps, supervise_command, wait_for
from tuitune.runs.read.state import derive
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run

SCREEN = """
import fcntl, json, signal, sys, termios
from pathlib import Path
from tuitune.runs.store.directory import Run
from tuitune.runs.launcher import start_supervisor
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under `nohup` it would be deaf to it
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
start_supervisor(Run(Path(sys.argv[1])), command=json.loads(sys.argv[2]))
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


def screen_command(run: Run, done: Path) -> list[str]:
    """A screen that has its terminal as the controlling one, launches the run and then only waits."""
    worker = supervise_command(run, engine(run, "train", str(done)))
    return [sys.executable, "-c", SCREEN, str(run.path), json.dumps(worker)]


def goes_on_to_its_end(run: Run, done: Path) -> None:
    trainer = engine_identity(run)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 20)
    assert identity.alive(trainer)
    assert derive(run) == ("training", "")
    done.touch()
    wait_for(lambda: events(run, "ended"))
    assert derive(run) == ("finished", "")
    assert f"step {before}" in run.log_file.read_text()


@pytest.mark.parametrize("blow", ["kill -9", "hang up", "close the terminal"])
def test_a_run_outlives_its_terminal(run: Run, terminal: list[int], tmp_path: Path, blow: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal[1])
    command = screen_command(run, tmp_path / "done")
    screen = subprocess.Popen(command, **streams, start_new_session=True, env=environment)
    wait_for(lambda: steps(run) > 2)
    match blow:
        case "kill -9":
            screen.kill()
        case "hang up":
            os.killpg(screen.pid, signal.SIGHUP)
        case "close the terminal":
            os.close(terminal.pop())
            os.close(terminal.pop())
    screen.wait(20)
    goes_on_to_its_end(run, tmp_path / "done")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_run_outlives_tmux(run: Run, tmp_path: Path) -> None:
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    command = screen_command(run, tmp_path / "done")
    subprocess.run([*tmux, "new-session", "-d", "-e", f"PYTHONPATH={ROOT}", *command], check=True)
    wait_for(lambda: steps(run) > 2)
    subprocess.run([*tmux, "kill-server"], check=True)
    goes_on_to_its_end(run, tmp_path / "done")
