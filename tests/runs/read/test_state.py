from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.runs.harness import budget, engine
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import AT_REST, STATES, derive, last_words
from tuitune.runs.store import identity, journal, lease
from tuitune.runs.store.directory import Run, create
from tuitune.runs.supervise.supervisor import supervise
from tuitune.text import clean


def write_events(run: Run, *names: str, **fields: Any) -> None:
    with journal.JournalWriter(run.events_file) as writer:
        for name in names:
            writer.append(event=name, **fields)


def own(run: Run, **changes: object) -> None:
    """Makes this process the run's supervisor, or somebody with `changes` to its identity."""
    run.owner_file.write_bytes(orjson.dumps({**identity.current().as_record(), **changes}))


def test_a_live_run_goes_from_queued_to_stopping(run: Run) -> None:
    assert derive(run) == ("queued", "")
    own(run)
    assert derive(run) == ("queued", "")
    write_events(run, "supervisor")
    assert derive(run) == ("queued", "")
    write_events(run, "waiting", reason="CPU is busy: training other")
    assert derive(run) == ("queued", "CPU is busy: training other")
    write_events(run, "slot")
    assert derive(run) == ("starting", "")
    write_events(run, "engine")
    assert derive(run) == ("starting", "")
    with journal.JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="phase")
        assert derive(run) == ("starting", "")
        metrics.append(kind="plan")
    assert derive(run) == ("training", "")
    write_events(run, "stop-requested")
    assert derive(run) == ("stopping", "")


def test_the_lease_alone_tells_that_somebody_is_at_work(run: Run) -> None:
    write_events(run, "supervisor", "engine")
    assert not lease.held(run)
    with lease.hold(run) as mine:
        assert mine
        assert derive(run)[0] == "starting"
    assert derive(run)[0] == "crashed"


DEAD = [
    {"start_ticks": 1},
    {"boot_id": "another"},
    {"pid": 2**22 + 1},
    {"pid": 0},
    {"pid": -1},
    {"pid": True},
    {"pid": "x"},
]


@pytest.mark.parametrize("changes", DEAD, ids=repr)
def test_a_run_whose_supervisor_is_dead_has_crashed(run: Run, changes: dict) -> None:
    own(run, **changes)
    write_events(run, "supervisor", "engine", identity={**identity.current().as_record(), **changes})
    run.log_file.write_bytes(b"step 1\nBus error \x1b[31m(core dumped)\x1b[0m\n\n")
    state, reason = derive(run)
    assert state == "crashed"
    assert "last output: Bus error (core dumped)" in reason
    assert ("the machine was restarted" in reason) == ("boot_id" in changes)


def test_a_run_of_another_machine_is_not_said_to_have_been_restarted(run: Run) -> None:
    elsewhere = {**identity.current().as_record(), "boot_id": "another", "host": "elsewhere"}
    write_events(run, "supervisor", identity=elsewhere)
    assert derive(run) == ("crashed", "it ran on elsewhere and cannot be seen from here")


def test_an_engine_that_outlives_its_supervisor_is_still_stopping(run: Run) -> None:
    write_events(run, "supervisor", "engine", identity=identity.current().as_record())
    assert derive(run) == ("stopping", "its supervisor is gone; the engine saves and ends")


def test_a_run_that_was_never_started_has_crashed_after_a_while(run: Run) -> None:
    run.run_file.write_text(f'{{"created_at": {time.time() - 3600}}}')
    assert derive(run) == ("crashed", "it was never started")


@pytest.mark.parametrize("state", STATES)
def test_the_last_event_is_believed_only_where_it_names_an_end(run: Run, state: str) -> None:
    write_events(run, "supervisor", "ended", state=state, reason="because\x1b[2J")
    if state in AT_REST:
        assert derive(run) == (state, "because␛[2J")
    else:
        assert derive(run) == ("crashed", "its last event names no state")


def test_events_without_meaning_change_nothing(run: Run) -> None:
    own(run)
    run.events_file.write_bytes(b'{"event": ["engine"]}\n{"event": 7}\n{}\nnull\n\x00\x00\n{"event": "ended"')
    assert derive(run)[0] in ("queued", "starting")


DAMAGE = [
    "recipe.toml",
    "run.json",
    "events.jsonl",
    "metrics.jsonl",
    "samples.jsonl",
    "log.txt",
    "owner.json",
    "lease.lock",
]


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("plant", ["missing", "symlink", "fifo", "directory", "noise"])
def test_a_damaged_run_has_a_state_all_the_same(name: str, plant: str, tmp_path: Path) -> None:
    run = create(Recipe())
    write_events(run, "supervisor")
    path = run.path / name
    path.unlink(missing_ok=True)
    match plant:
        case "symlink":
            path.symlink_to("/dev/zero")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "noise":
            path.write_bytes(os.urandom(5000))
    state, reason = derive(run)
    assert state == ("queued" if name == "events.jsonl" else "crashed")
    assert reason == clean(reason)


def test_a_recipe_that_is_missing_is_said(run: Run) -> None:
    run.recipe_file.unlink()
    assert derive(run) == ("crashed", "its recipe is missing")
    run.control.rmdir()
    for path in run.path.iterdir():
        path.unlink()
    assert derive(run)[0] == "crashed"
    run.path.rmdir()
    assert derive(run)[0] == "crashed"


def test_the_last_words_are_the_last_line_that_says_anything(run: Run) -> None:
    assert last_words(run) == ""
    run.log_file.write_bytes(b"first\n10%\r20%\r\nlast \xff line\x07\r\n \n\x1b[0m\n")
    assert last_words(run) == "last \\xff line␇"
    run.log_file.write_bytes(b"x" * 100_000)
    assert len(last_words(run)) == 400


def test_of_a_failure_of_native_code_the_error_and_its_place_are_told(run: Run) -> None:
    program = "import faulthandler, os, threading, time; faulthandler.enable(); import orjson\n"
    program += "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nos.kill(os.getpid(), 11)"
    with run.log_file.open("wb") as log:
        subprocess.run([sys.executable, "-c", program], stdout=log, stderr=log, check=False)
    assert last_words(run) == 'Fatal Python error: Segmentation fault, File "<string>", line 3 in <module>'
    with run.log_file.open("ab") as log:
        log.write(b"[tuitune] training\n")
    assert last_words(run) == "[tuitune] training"


def test_an_ended_run_stays_ended_whoever_is_alive(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    own(run)
    assert derive(run) == ("finished", "")


def test_only_the_last_life_counts(run: Run) -> None:
    with journal.JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="plan")
        metrics.append(kind="end", outcome="paused", step=1)
    write_events(run, "supervisor", "slot", "engine", "pause-requested", "exited")
    write_events(run, "ended", state="paused", reason="paused on request")
    assert derive(run) == ("paused", "paused on request")
    own(run)
    assert derive(run) == ("paused", "paused on request"), "until the next life has begun"
    write_events(run, "supervisor", identity=identity.current().as_record())
    assert derive(run) == ("queued", "")
    write_events(run, "slot")
    write_events(run, "engine", after=2, identity=identity.current().as_record())
    assert derive(run) == ("starting", ""), "the plan is the former engine's"
    with journal.JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="resumed", step=1)
        metrics.append(kind="step", step=2)
    assert derive(run) == ("training", "")
    run.owner_file.unlink()
    state, reason = derive(run)
    assert state == "stopping", "the engine, which is this process, is still alive"
    write_events(run, "engine", after=4)
    state, reason = derive(run)
    assert state == "crashed"
    assert "the engine reported" not in reason, "that was the former engine"


def test_an_engine_that_is_started_again_is_starting_not_stopping(run: Run) -> None:
    own(run)
    write_events(run, "supervisor", "slot", "engine", "exited")
    assert derive(run) == ("stopping", "")
    write_events(run, "retry", reason="out of memory: goes on from step 5")
    assert derive(run) == ("starting", "out of memory: goes on from step 5")
    write_events(run, "engine")
    assert derive(run) == ("starting", "")


def test_silence_and_being_stuck_are_said(run: Run) -> None:
    own(run)
    with journal.JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="step", step=1)
    write_events(run, "supervisor", "slot", "engine")
    assert derive(run) == ("training", "")
    write_events(run, "silent", seconds=180.4)
    assert derive(run) == ("training", "nothing heard from the engine for 3 m 00 s")
    write_events(run, "heard")
    assert derive(run) == ("training", "")
    write_events(run, "silent", seconds="odd")
    assert derive(run) == ("training", "nothing heard from the engine for a while")
    write_events(run, "kill", rung="ask", message="asked to end")
    assert derive(run) == ("stopping", "asked to end")
    write_events(run, "kill", rung="stuck", message="it does not end")
    assert derive(run) == ("stopping", "stuck: it does not end")


def test_many_events_are_judged_by_their_end(run: Run) -> None:
    write_events(run, "supervisor", "slot", "engine")
    with journal.JournalWriter(run.events_file) as writer:
        writer.append(event="acknowledged", nonce="f" * 32, verb="tune", ok=True, message="passed on to the engine")
    content = run.events_file.read_bytes()
    run.events_file.write_bytes(content + content.splitlines(keepends=True)[-1] * 200_000)
    started = time.process_time()
    own(run)
    assert derive(run) == ("starting", "")
    live = time.process_time() - started
    write_events(run, "ended", state="finished", reason="")
    started = time.process_time()
    assert derive(run) == ("finished", "")
    assert time.process_time() - started < live / 2, "the end tells, and the rest is not read"
    assert live < budget(0.4)


def test_a_new_run_is_queued_whatever_the_clock_on_the_wall_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    for shown in (now - 3600, now + 3600):
        monkeypatch.setattr(time, "time", lambda shown=shown: shown)
        assert derive(run) == ("queued", "")
