"""A command line to call, and one small run trained for real that many tests look at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.tools.processes import started_with
from tuitune.cli import main

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
    environment = os.environ | {"TUITUNE_HOME": str(home), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
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
