"""A disk that fails under the supervisor's own file, one call at a time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.tools.tracing import needs_tracing
from tests.runs.harness import ROOT, engine, supervise_command
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import read_all

pytestmark = needs_tracing

EVENTS = ["supervisor", "slot", "engine", "exited", "ended"]


def live_with(fault: str, output: Path) -> Run:
    """A whole life under a supervisor for which a call about events.jsonl, and only such a one, fails."""
    run = create(Recipe())
    only = ["-P", str(run.events_file), "-e", f"inject={fault}", "-o", str(output)]
    command = ["strace", "-f", *only, *supervise_command(run, engine(run, "finish"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert "(INJECTED)" in output.read_text()
    return run


@pytest.mark.parametrize(
    "number", [1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, len(EVENTS))), len(EVENTS)]
)
def test_an_event_that_does_not_fit_is_recorded_all_the_same(number: int, tmp_path: Path) -> None:
    """With the room that was kept in reserve for it. On a busy machine it may wait for the driver before it starts."""
    run = live_with(f"write:error=ENOSPC:when={number}", tmp_path / "trace")
    assert [event["event"] for event in read_all(run.events_file) if event["event"] != "waiting"] == EVENTS
    assert derive(run) == ("finished", "")


@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.slow), len(EVENTS)])
def test_an_event_that_cannot_be_synced_ends_nothing(number: int, tmp_path: Path) -> None:
    run = live_with(f"fdatasync:error=EIO:when={number}", tmp_path / "trace")
    assert derive(run) == ("finished", "")


def test_where_nothing_can_be_recorded_the_run_is_no_longer_said_to_be_at_work(tmp_path: Path) -> None:
    run = live_with("write:error=EIO:when=3+", tmp_path / "trace")
    assert derive(run)[0] == "crashed"
