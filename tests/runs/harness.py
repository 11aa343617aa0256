"""What the tests of a run's processes share: waiting for conditions, and runs supervised for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tuitune.hardware.gpus import PATIENCE
from tuitune.problem import TuituneError
from tuitune.recipe.sections.hardware import HardwareSection
from tuitune.runs import launcher
from tuitune.runs.queue.slots import Busy, SlotHolder, Slots
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run

STAND_IN = str(Path(__file__).with_name("stand_in.py"))
ROOT = Path(__file__).resolve().parents[2]
QUICK = {"watch.TICK_SECONDS": 0.05, "watch.LEAVE_SECONDS": 0.3}
T = TypeVar("T")

_SUPERVISE = """
import importlib, json, os, sys
from pathlib import Path
from tuitune.runs.supervise import supervisor
from tuitune.runs.store.directory import Run
options = json.loads(sys.argv[2])
for name, value in options["constants"].items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(f"tuitune.runs.supervise.{module}"), constant, value)
os.umask(0o077)
sys.exit(supervisor.supervise(Run(Path(sys.argv[1])), options["command"], **options["life"]))
"""


def wait_for(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true value of `condition`, which is asked for ever less often; fails after `seconds`."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause := min(1.5 * pause, 0.05))
    return value


def budget(seconds: float) -> float:
    """Seconds of processor time that something may take at most, for which `seconds` are usual on an idle machine.

    Four times as many: what takes the wrong path takes far more. Ten times where coverage or a debugger traces it.
    """
    return (4 if sys.gettrace() is None else 10) * seconds


def acquire(run: Run, gpu: str, share: bool) -> SlotHolder | Busy:
    """Take a free slot that hardware.gpu and hardware.share allow, past everybody who waits."""
    found = Slots(run, HardwareSection(gpu=gpu, share=share), PATIENCE).free()
    if isinstance(found, Busy):
        return found
    try:
        taken = (place.take(run) for place in found)
        return next(filter(None, taken), None) or Busy(f"{found[0].label} was taken by another run just now")
    except TuituneError as error:
        return Busy(str(error))


def engine(run: Run, behaviour: str, *arguments: str) -> list[str]:
    return [sys.executable, STAND_IN, str(run.path), behaviour, *arguments]


def supervise_command(
    run: Run, command: list[str], *, constants: Mapping[str, object] | None = None, **life: Any
) -> list[str]:
    """A supervisor as the launcher starts it, with `command` for the engine and `life` for the rest of `supervise`.

    `constants` {"kill_escalation.PATIENCE": …} replace those of the modules of `tuitune.runs.supervise`: a test need
    not wait for minutes.
    """
    options = {"command": command, "constants": {**QUICK, **(constants or {})}, "life": life}
    return [sys.executable, "-P", "-c", _SUPERVISE, str(run.path), json.dumps(options)]


def launch_stand_ins(patch: pytest.MonkeyPatch, behaviour: str) -> None:
    """Have the launcher start supervisors whose engine is a stand-in."""

    def started(run: Run) -> None:
        real(run, command=supervise_command(run, engine(run, behaviour)))

    real = launcher.start_supervisor
    patch.setattr(launcher, "start_supervisor", started)


def start_supervisor(
    run: Run, behaviour: str, *arguments: str, constants: Mapping[str, object] | None = None, **life: Any
) -> subprocess.Popen[bytes]:
    """A supervisor started as the launcher starts it, with a stand-in for the engine; `life` is for `supervise`."""
    with run.log_file.open("ab") as log:
        return subprocess.Popen(
            supervise_command(run, engine(run, behaviour, *arguments), constants=constants, **life),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def events(run: Run, name: str) -> list[dict[str, Any]]:
    return [event for event in journal.read_all(run.events_file) if event["event"] == name]


def records(run: Run, kind: str) -> list[dict[str, Any]]:
    return [record for record in journal.read_all(run.metrics_file) if record["kind"] == kind]


def steps(run: Run) -> int:
    return len(records(run, "step"))


def last_event(run: Run) -> int:
    """The number of the run's last event, after which the next life begins."""
    return journal.last_seq(run.events_file)


def engine_identity(run: Run) -> identity.Identity:
    """Who the newest engine is, once it runs."""
    started = wait_for(lambda: events(run, "engine"))[-1]
    found = identity.Identity.from_record(started["identity"])
    assert found is not None
    return found
