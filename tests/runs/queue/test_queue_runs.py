"""Runs that wait for one another, each with nothing but its own supervisor: no screen, no command, no terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.runs.harness import ROOT, STAND_IN, engine_identity, events, records, supervise_command, wait_for
from tests.runs.queue.contenders import cpu_is_busy, new_run
from tuitune.recipe import document
from tuitune.runs.control import spool
from tuitune.runs.launcher import start_supervisor
from tuitune.runs.queue import order
from tuitune.runs.queue.slots import holders
from tuitune.runs.read.state import derive
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, list_runs
from tuitune.runs.store.identity import Identity, send_signal

ENGINE = """
import runpy, shutil, sys
shutil.copy(f"{sys.argv[1]}/recipe.toml", f"{sys.argv[1]}/seen.toml")
sys.argv[0] = "stand_in.py"
runpy.run_path(sys.argv.pop(), run_name="__main__")
"""
"""A stand-in that keeps the recipe as it found it when it started."""

SCREEN = """
import json, sys
from pathlib import Path
from tuitune.runs.store.directory import Run
from tuitune.runs.launcher import start_supervisor
for run, command in json.loads(sys.argv[1]):
    start_supervisor(Run(Path(run)), command=command)
"""
"""Launches runs and is gone."""


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Run]]:
    """Three runs, launched in this order by a process that has ended; each trains until a file of its name appears."""
    made = [new_run(name, "cpu") for name in ("one", "two", "three")]
    commands = []
    for run in made:
        trains = [sys.executable, "-c", ENGINE, str(run.path), "train", str(tmp_path / run.name), STAND_IN]
        commands.append((str(run.path), supervise_command(run, trains)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", SCREEN, json.dumps(commands)], env=environment, check=True)
    yield made
    end_all(made)


def end_all(runs: Iterable[Run]) -> None:
    for run in runs:
        for name in ("supervisor", "engine"):
            for event in events(run, name):
                found = Identity.from_record(event["identity"])
                if found:
                    send_signal(found, signal.SIGKILL)


def supervisor(run: Run) -> Identity:
    found = Identity.from_record(events(run, "supervisor")[-1]["identity"])
    assert found is not None
    return found


def trains(run: Run) -> None:
    wait_for(lambda: derive(run)[0] == "training")


def asked(run: Run, verb: str, **arguments: object) -> None:
    """Ask the run for something, and wait until it is done."""
    nonce = spool.request(run, verb, arguments)
    answer = wait_for(lambda: spool.outcome(run, nonce))
    assert answer.ok, answer


def test_three_runs_run_one_after_another_and_the_middle_one_as_edited(runs: list[Run], tmp_path: Path) -> None:
    one, two, three = runs
    trains(one)
    wait_for(lambda: order.waiting() == [two, three])
    for run in (two, three):
        wait_for(lambda run=run: derive(run) == ("queued", cpu_is_busy("one")))
    assert derive(two)[0] == "queued"
    asked(two, "edit", changes={"training.learning_rate": 5e-5, "training.epochs": 7.0})
    assert order.waiting() == [two, three]
    assert not events(two, "engine")
    (tmp_path / "one").touch()
    trains(two)
    wait_for(lambda: derive(three) == ("queued", cpu_is_busy("two")))
    (tmp_path / "two").touch()
    trains(three)
    (tmp_path / "three").touch()
    for run in runs:
        wait_for(lambda run=run: derive(run) == ("finished", ""))
    assert holders() == {}
    assert order.waiting() == []
    seen = [document.read(run.path / "seen.toml").training for run in runs]
    assert [recipe.learning_rate for recipe in seen] == [2e-4, 5e-5, 2e-4]
    assert [recipe.epochs for recipe in seen] == [3.0, 7.0, 3.0]
    worked = [(records(run, "phase")[0]["time"], records(run, "end")[0]["time"]) for run in runs]
    assert sorted(worked) == worked
    assert all(ended <= began for (_, ended), (began, _) in pairwise(worked))


def test_a_run_launched_later_does_not_overtake_one_whose_supervisor_is_slow(tmp_path: Path) -> None:
    """The first one's supervisor stands still as soon as it has been launched, and goes on when the second waits."""
    one, two = new_run("one", "cpu"), new_run("two", "cpu")
    try:
        for run in (one, two):
            trains_until_told = [sys.executable, STAND_IN, str(run.path), "train", str(tmp_path / run.name)]
            start_supervisor(run, command=supervise_command(run, trains_until_told))
            if run is one:
                send_signal(supervisor(one), signal.SIGSTOP)
        wait_for(lambda: events(two, "waiting"), seconds=10)
        send_signal(supervisor(one), signal.SIGCONT)
        trains(one)
        assert order.waiting() == [two]
    finally:
        end_all((one, two))


def test_the_queue_is_reordered_and_a_run_taken_out_of_it(runs: list[Run], tmp_path: Path) -> None:
    one, two, three = runs
    trains(one)
    wait_for(lambda: order.waiting() == [two, three])
    assert order.move(three, 1) == 1
    asked(two, "stop")
    wait_for(lambda: derive(two)[0] == "stopped")
    assert order.waiting() == [three]
    (tmp_path / "one").touch()
    trains(three)
    assert not events(two, "engine")


def test_a_supervisor_killed_on_the_device_lets_the_next_run_go(runs: list[Run]) -> None:
    one, two, _ = runs
    trains(one)
    wait_for(lambda: derive(two)[0] == "queued")
    engine = engine_identity(one)
    send_signal(supervisor(one), signal.SIGKILL)
    trains(two)
    assert not identity.alive(engine)
    assert derive(one)[0] == "crashed"


def test_a_paused_run_gives_its_device_to_the_next(runs: list[Run]) -> None:
    one, two, _ = runs
    trains(one)
    asked(one, "pause")
    trains(two)
    assert derive(one)[0] == "paused"


def test_a_run_killed_while_it_waits_never_trains(runs: list[Run], tmp_path: Path) -> None:
    one, two, three = runs
    trains(one)
    wait_for(lambda: order.waiting() == [two, three])
    send_signal(supervisor(two), signal.SIGKILL)
    wait_for(lambda: order.waiting() == [three])
    (tmp_path / "one").touch()
    trains(three)
    assert not events(two, "engine")
    assert derive(two)[0] == "crashed"


def test_waiting_takes_next_to_no_processor_time(runs: list[Run]) -> None:
    """What a whole supervisor that waits takes in five of its ticks, once it has settled; and its memory."""
    one, two, _ = runs
    trains(one)
    wait_for(lambda: derive(two)[0] == "queued")
    process = psutil.Process(supervisor(two).pid)

    def taken_in_five_ticks() -> float:
        before, switches = sum(process.cpu_times()[:2]), process.num_ctx_switches().voluntary
        wait_for(lambda: process.num_ctx_switches().voluntary >= switches + 5)
        return sum(process.cpu_times()[:2]) - before

    wait_for(lambda: taken_in_five_ticks() < 0.1)
    assert process.memory_info().rss < 80e6


@pytest.mark.slow
def test_three_real_runs_go_through_the_queue(tmp_path: Path) -> None:
    """The bundled model trained for real, launched by the command and left alone."""
    recipe = tmp_path / "recipe.toml"
    settings = ["training.max_steps=4", "evaluation.perplexity=false", "hardware.gpu=cpu"]
    changes = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "tuitune"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "new", *changes, "-o", str(recipe)], env=environment, check=True)
    for name in ("one", "two", "three"):
        start = [*command, "train", str(recipe), "--detach", "--set", f"run.name={name}"]
        subprocess.run(start, env=environment, check=True, capture_output=True)
    one, two, three = sorted(list_runs(), key=lambda run: run.id)
    assert [run.name for run in (one, two, three)] == ["one", "two", "three"]
    wait_for(lambda: order.waiting() == [two, three], seconds=60)
    asked(two, "edit", changes={"training.learning_rate": 5e-5})
    for run in (one, two, three):
        wait_for(lambda run=run: derive(run)[0] in ("finished", "failed", "crashed"), seconds=300)
        assert derive(run) == ("finished", "")
    peaks = [max(record["learning_rate"] for record in records(run, "step")) for run in (one, two, three)]
    assert peaks[1] == pytest.approx(5e-5, rel=0.3)
    assert peaks[0] == peaks[2] == pytest.approx(2e-4, rel=0.3)
    began = [events(run, "slot")[0]["time"] for run in (two, three)]
    ended = [events(run, "ended")[0]["time"] for run in (one, two)]
    assert ended[0] <= began[0] + 1
    assert ended[1] <= began[1] + 1
