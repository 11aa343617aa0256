"""The real program in a terminal, killed while it watches a run: the run goes on, and the next screen finds it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, budget, engine, engine_identity, events, steps, supervise_command, wait_for
from tests.tui.pty_session import SCREEN, Session, start
from tuitune.runs import launcher
from tuitune.runs.read.state import derive
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create

ATTACH_SECONDS = 2.0
STEP = re.compile(r"step[^0-9]{1,40}?(\d[\d,]*)[^0-9]+1,000")


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Iterator[Run]:
    from tuitune.recipe.schema import Recipe

    run = create(Recipe())
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "train", str(tmp_path / "done"))))
    wait_for(lambda: steps(run) > 2)
    yield run
    (tmp_path / "done").touch()
    wait_for(lambda: events(run, "ended"))


def shown_step(screen: Session, at_least: int) -> tuple[int, float]:
    """The step that the monitor shows, once it is so far; and seconds since the program was started."""
    seconds = screen.wait_for(b"my-run")
    screen.send(b"\r")

    def look() -> int:
        screen.read(0.02)
        found = [int(shown.replace(",", "")) for shown in STEP.findall(re.sub(r"\x1b\[[0-9;]*m", "", screen.text))]
        return max(found, default=0)

    shown = wait_for(lambda: look() if look() >= at_least else 0, seconds=15)
    return shown, max(seconds, screen.arrivals[-1][0])


@pytest.mark.parametrize(
    "blow", [pytest.param("kill -9", marks=pytest.mark.slow), "hang up", "kill -9 while it starts"]
)
def test_a_run_outlives_its_screen_and_the_next_one_attaches_at_once(run: Run, blow: str) -> None:
    trainer = engine_identity(run)
    with start() as screen:
        if blow == "kill -9 while it starts":
            wait_for(lambda: screen.read(0.01))
        else:
            shown_step(screen, at_least=1)
        if blow == "hang up":
            screen.hang_up()
        else:
            screen.signal(signal.SIGKILL)
        screen.wait(10)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 20)
    assert identity.alive(trainer) and derive(run) == ("training", "")
    known = steps(run)
    with start() as again:
        shown, seconds = shown_step(again, at_least=known)
    assert known <= shown <= steps(run)
    assert seconds < budget(ATTACH_SECONDS)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_run_outlives_the_tmux_that_its_screen_is_in(run: Run, tmp_path: Path) -> None:
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kept = [f"-e{name}={os.environ[name]}" for name in ("TUITUNE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")]
    subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "36", *kept, *SCREEN], check=True, env=environment)

    def pane() -> str:
        return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    wait_for(lambda: "my-run" in pane())
    subprocess.run([*tmux, "send-keys", "Enter"], check=True)
    wait_for(lambda: STEP.search(pane()))
    subprocess.run([*tmux, "kill-server"], check=True)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 20)
    assert derive(run) == ("training", "")
