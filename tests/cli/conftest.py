"""A command line to call, and one small run trained for real that many tests look at."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

import pytest

from tests.faults.tools.processes import started_with
from tuitune.cli import main
from tuitune.views.inspector_client import COMMAND, Inspector

TINY = [
    "data.limit=24",
    "data.eval=0.25",
    "data.max_length=192",
    "training.max_steps=4",
    "training.batch_size=4",
    "training.accumulation=1",
    "evaluation.every=end",
    "evaluation.answers=4",
    "samples.every=end",
    "samples.max_new_tokens=8",
    "adapter.rank=4",
    "checkpoints.every=end",
    'samples.prompts=["My parcel has not come [/red]."]',
]


@dataclass(frozen=True)
class Answer:
    """What a command line printed and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def nothing_is_left_at_work(home: Path) -> Iterator[None]:
    """Ends what a test left at work because it failed: its run would train beside all later tests."""
    yield
    while pids := started_with(f"{home.parent}/"):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return call


def start(*arguments: object, home: Path, **options: object) -> subprocess.Popen[str]:
    """`tuitune` as a process of its own, with `home` as its TUITUNE_HOME."""
    environment = os.environ | {"TUITUNE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tuitune", *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **(pipes | options))


@dataclass(frozen=True)
class Trained:
    """The home of a finished run, its recipe file and what `tuitune train` printed."""

    home: Path
    recipe: Path
    printed: Answer


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    recipe = folder / "tiny.toml"
    sets = [part for value in ["run.name=tiny", *TINY] for part in ("--set", value)]
    assert main(["new", *sets, "-o", str(recipe)]) == 0
    process = start("train", recipe, home=folder / "home")
    out, err = process.communicate(timeout=240)
    return Trained(folder / "home", recipe, Answer(process.returncode, out, err))


@pytest.fixture
def trained(trained_once: Trained, monkeypatch: pytest.MonkeyPatch) -> Trained:
    monkeypatch.setenv("TUITUNE_HOME", str(trained_once.home))
    return trained_once


_STAND_IN = """#!/bin/sh
case "$*" in
"-P -m tuitune.engine tokens "* | "-P -m tuitune.engine inspect"*) exec {python} -IS {warm} ask {door} {python} "$@" ;;
esac
exec {python} "$@"
"""


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that stands in for Python (see `tests.cli.warm`).

    The first worker that needs it starts its server, which is one for all workers and ends with the test session.
    """
    among_others = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if among_others else base) / "warm"
    folder.mkdir(exist_ok=True)
    program, door, warm = folder / "python", folder / "door", Path(__file__).with_name("warm.py")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            whole = str(os.getppid() if among_others else os.getpid())
            with (folder / "server.log").open("wb") as log:
                server = subprocess.Popen(
                    [sys.executable, "-P", str(warm), "serve", str(door), whole],
                    env={**os.environ, "HF_HOME": str(folder / "huggingface"), "HF_HUB_OFFLINE": "1"},
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                )  # fmt: skip
            assert server.stdout and server.stdout.readline(), (folder / "server.log").read_text()
            names = {"python": sys.executable, "warm": str(warm), "door": str(door)}
            program.write_text(_STAND_IN.format(**{name: shlex.quote(text) for name, text in names.items()}))
            program.chmod(0o700)
    return program


@pytest.fixture
def warm(warm_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens and rows as tokens come from processes that are forked off one that has imported all they need."""
    command = (str(warm_python), *COMMAND[1:])
    monkeypatch.setattr(sys, "executable", str(warm_python))
    monkeypatch.setattr(Inspector, "__init__", partialmethod(Inspector.__init__, command=command))
