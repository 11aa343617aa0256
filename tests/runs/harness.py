"""What the tests of a run's processes share: waiting for conditions, and runs supervised for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tuitune.runs import identity, journal
from tuitune.runs.directory import Run

STAND_IN = str(Path(__file__).with_name("stand_in.py"))
ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = 15.0) -> T:
    """The first true value of `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return value


def budget(seconds: float) -> float:
    """Seconds of processor time that something may take: ten times as many where coverage or a debugger traces it."""
    return seconds if sys.gettrace() is None else 10 * seconds


def engine(run: Run, behaviour: str, *arguments: str) -> list[str]:
    return [sys.executable, STAND_IN, str(run.path), behaviour, *arguments]


def supervise_command(run: Run, command: list[str]) -> list[str]:
    code = (
        "import json, os, sys; from pathlib import Path; from tuitune.runs import supervisor; "
        "from tuitune.runs.directory import Run; os.umask(0o077); "
        "sys.exit(supervisor.supervise(Run(Path(sys.argv[1])), json.loads(sys.argv[2])))"
    )
    return [sys.executable, "-P", "-c", code, str(run.path), json.dumps(command)]


def start_supervisor(run: Run, behaviour: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A supervisor started as the launcher starts it, with a stand-in for the engine."""
    with run.log_file.open("ab") as log:
        return subprocess.Popen(
            supervise_command(run, engine(run, behaviour, *arguments)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def events(run: Run, name: str) -> list[dict[str, Any]]:
    return [event for event in journal.read_all(run.events_file) if event["event"] == name]


def steps(run: Run) -> int:
    return sum(record["kind"] == "step" for record in journal.read_all(run.metrics_file))


def engine_identity(run: Run) -> identity.Identity:
    """Who the engine is, once it runs."""
    started = wait_for(lambda: events(run, "engine"))[0]
    found = identity.Identity.from_record(started["identity"])
    assert found is not None
    return found
