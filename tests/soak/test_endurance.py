"""A thousand lives, and a journal of a million records: nothing leaks, and nothing gets slow.

TUITUNE_SOAK_CYCLES   how many runs are started, watched and killed (1000)
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.faults.tools.processes import started_with
from tests.runs.harness import engine, engine_identity, steps, supervise_command, wait_for
from tests.tui.pty_session import start
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.control import spool
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import RunView
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create, read_record
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.journal import JournalWriter

pytestmark = [pytest.mark.slow, pytest.mark.soak]

CYCLES = int(os.environ.get("TUITUNE_SOAK_CYCLES", "1000"))
RECORDS = 1_000_000
FIRST_VIEW_SECONDS = 1.0
FIRST_PORTION = 4_000
ENDS = {"engine": "crashed", "supervisor": "crashed", "both": "crashed", "stop": "stopped"}


def one_cycle(run: Run, how: str) -> None:
    """Start a run, attach to it, end it in one of the ways, and see that its state says so."""
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "train")))
    trainer = engine_identity(run)
    supervisor = Identity.from_record(read_record(run.owner_file))
    assert supervisor is not None
    wait_for(lambda: steps(run) > 2)
    view = RunView(run)
    view.refresh()
    assert view.summary.state == "training" and view.summary.step
    if how in ("supervisor", "both"):
        identity.send_signal(supervisor, signal.SIGKILL)
    if how in ("engine", "both"):
        identity.send_signal(trainer, signal.SIGKILL)
    if how == "stop":
        spool.request(run, "stop")
    wait_for(lambda: derive(run)[0] == ENDS[how])
    view.refresh()
    assert view.summary.state == ENDS[how]
    wait_for(lambda: not identity.alive(supervisor) and not identity.alive(trainer))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> list[str]:
    """The children of this process that it has not waited for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_nothing_leaks_however_often_runs_are_started_watched_and_killed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = random.Random(52)
    before, began = (descriptors(), threading.active_count()), time.monotonic()
    for cycle in range(1, CYCLES + 1):
        run = create(Recipe())
        one_cycle(run, drawn.choice(list(ENDS)))
        shutil.rmtree(run.path)
        if cycle % 50 == 0:
            with capsys.disabled():
                print(f"\n[endurance] {cycle} of {CYCLES} cycles in {time.monotonic() - began:.0f} s", end="")
    wait_for(lambda: (descriptors(), threading.active_count()) == before)
    assert children() == []
    assert started_with(f"{home}/runs/") == []


def a_million_records() -> Run:
    run = create(Recipe())
    began = time.time() - RECORDS
    with run.metrics_file.open("w") as file:
        file.write(json.dumps({"v": 1, "seq": 1, "time": began, "kind": "plan", "total_steps": RECORDS}) + "\n")
        for step in range(1, RECORDS):
            record = {
                "v": 1, "seq": step + 1, "time": began + step, "kind": "step", "step": step, "epoch": step / RECORDS,
                "loss": 2.4 * math.exp(-4 * step / RECORDS) + 0.3, "learning_rate": 2e-4, "grad_norm": 0.5,
                "tokens": step * 4096, "tokens_per_second": 12_000.0, "step_seconds": 0.33, "memory_bytes": 10**10,
                "peak_memory_bytes": 11 * 10**9,
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", identity=identity.current().as_record(), tuitune="0", life=1, resumes=False)
        events.append(event="ended", state="finished", reason="")
    return run


def test_a_run_of_a_million_records_is_in_view_within_a_second(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its state, its first figures, and the screen that lists it; reading it whole takes longer, but in portions."""
    run = a_million_records()
    asked = time.perf_counter()
    assert derive(run) == ("finished", "")
    view = RunView(run)
    view.refresh(FIRST_PORTION)
    first = time.perf_counter() - asked
    assert view.summary.state == "finished" and len(view.steps) > FIRST_PORTION / 2
    longest, whole = 0.0, time.perf_counter()
    while not view.complete:
        asked = time.perf_counter()
        view.refresh(FIRST_PORTION)
        longest = max(longest, time.perf_counter() - asked)
    whole = time.perf_counter() - whole
    with start() as screen:
        listed = screen.wait_for(run.name.encode())
        asked = time.perf_counter()
        screen.send(b"\r")
        screen.wait_for(b"throughput")
        opened = time.perf_counter() - asked
    with capsys.disabled():
        print(
            f"\n[a million records] first view {first:.3f} s, longest portion {longest:.3f} s, whole {whole:.1f} s; "
            f"listed {listed:.2f} s after the start of the program, open in the monitor {opened:.2f} s after the key"
        )
    assert first < FIRST_VIEW_SECONDS
    assert longest < FIRST_VIEW_SECONDS
    assert opened < FIRST_VIEW_SECONDS
