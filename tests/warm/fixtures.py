"""The warm process as fixtures: tests opt in with `warm`."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import pytest

from tuitune.views.inspector_client import COMMAND, Inspector


@pytest.fixture(scope="session")
def warm_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests.warm.server`, which is one for all workers: the first that needs it starts it."""
    among_others = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if among_others else base) / "warm-server"
    folder.mkdir(exist_ok=True)
    environment = {
        "TUITUNE_HOME": str(folder / "home"), "HF_HOME": str(folder / "huggingface"), "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
        "JE_ARROW_MALLOC_CONF": "background_thread:false", "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "door").exists():
            session = str(os.getppid() if among_others else os.getpid())
            command = [sys.executable, "-P", "-m", "tests.warm.server", str(folder), session]
            with (folder / "server.log").open("wb") as log:
                server = subprocess.Popen(
                    command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=log, start_new_session=True,
                )  # fmt: skip
            assert server.stdout and server.stdout.readline(), (folder / "server.log").read_text()
    return folder


_STAND_IN = """#!/bin/sh
case "$*" in
"-P -m tuitune.data "* | "-P -m tuitune.engine tokens "* | "-P -m tuitune.engine rewards "* | \
"-P -m tuitune.engine options "* | "-P -m tuitune.engine tuner "*)
    exec {python} -IS {ask} {door} "$0" {python} "$@" ;;
"-P -m tuitune.engine inspect"*)
    exec {python} -IS {ask} {door} "$0" {python} "$@" ;;
esac
exec {python} "$@"
"""


@pytest.fixture(scope="session")
def warm_python(warm_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that stands in for Python: `tests.warm.ask` where jobs of data and of the engine are wanted."""
    program, ask = tmp_path_factory.mktemp("warm") / "python", str(Path(__file__).with_name("ask.py"))
    names = {"python": sys.executable, "ask": ask, "door": str(warm_server / "door")}
    program.write_text(_STAND_IN.format(**{name: shlex.quote(text) for name, text in names.items()}))
    program.chmod(0o700)
    return program


@pytest.fixture
def warm(warm_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process has done to data and made of tokens is done by processes that are forked off a warm one."""
    command = (str(warm_python), *COMMAND[1:])
    monkeypatch.setattr(sys, "executable", str(warm_python))
    monkeypatch.setattr(Inspector, "__init__", partialmethod(Inspector.__init__, command=command))
