"""Runs on disk for the screens to show, and waiting for a screen to show something."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.payloads import shot_of
from tests.views.stand_in_inspector import COMMAND
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.hardware import HardwareSection
from tuitune.runs.queue import order
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.workbench import screen
from tuitune.views.inspector_client import Inspector

MakeRun = Callable[..., Run]
AT_REST = {"finished": "", "stopped": "stopped on request", "failed": "CUDA out of memory", "paused": ""}


@pytest.fixture(autouse=True)
def light_inspector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workbench starts a stand-in for the engine's process, which imports nothing heavy."""
    monkeypatch.setattr(screen, "Inspector", lambda: Inspector(command=COMMAND))


@pytest.fixture
def make_run(home: object) -> MakeRun:
    """Makes a run on disk in any state, with as many steps of a falling loss as asked for.

    A run that is at work is owned by this test process, so that it counts as alive.
    """

    def make(
        name: str = "triage", *, state: str = "finished", steps: int = 20, total: int | None = None, **fields: Any
    ) -> Run:
        recipe = Recipe.model_validate({"run": {"name": name}, **fields.pop("recipe", {})})
        run = create(recipe)
        write_metrics(run, steps, total or steps, fields.pop("phase", ""))
        write_events(run, state, fields.pop("reason", AT_REST.get(state, "")))
        if reason := fields.pop("waits", ""):
            wait_in_queue(run, reason)
        return run

    return make


def write_metrics(run: Run, steps: int, total: int, phase: str = "") -> None:
    with JournalWriter(run.metrics_file) as metrics:
        if phase:
            metrics.append(kind="phase", phase="load", text=phase, done=None, total=None, unit="")
        if not steps:
            return
        metrics.append(kind="plan", total_steps=total, steps_per_epoch=total, train_rows=total * 4, device="cpu")
        for step in range(1, steps + 1):
            metrics.append(
                kind="step",
                step=step,
                epoch=step / total,
                loss=0.2 + 2.4 * math.exp(-3 * step / total),
                learning_rate=2e-4,
                grad_norm=0.7,
                tokens=step * 900,
                tokens_per_second=3120.0,
                step_seconds=0.29,
                memory_bytes=10**9,
                peak_memory_bytes=12 * 10**8,
            )


def write_events(run: Run, state: str, reason: str) -> None:
    me = identity.current().as_record()
    if state == "crashed":
        me["start_ticks"] = 1
    with JournalWriter(run.events_file) as events:
        if state != "queued":
            events.append(event="supervisor", identity=me)
        if state in ("starting", "training", "stopping", "queued"):
            run.owner_file.write_text(json.dumps(me))
        if state != "queued":
            events.append(event="engine", identity=me)
        if state == "stopping":
            events.append(event="stop-requested")
        if state in AT_REST:
            events.append(event="ended", state=state, reason=reason)


def wait_in_queue(run: Run, reason: str) -> None:
    """Put a queued run at the end of the queue, on behalf of this process, for a GPU that no machine has."""
    assert isinstance(order.Turn(run, Recipe(hardware=HardwareSection(gpu="99"))).attempt(), order.WaitingRun)
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", identity=identity.current().as_record())
        events.append(event="waiting", reason=reason, place=1, of=1)


async def until(pilot: Pilot[Any], condition: Callable[[], object | Awaitable[object]], seconds: float = 20.0) -> None:
    """Let the app work until `condition()` holds; fails when it does not within `seconds`.

    Looks ever less often, as to paint a whole screen keeps the processor from what the screen waits for.
    """
    deadline, pause = time.monotonic() + seconds, 0.01
    while not condition():
        assert time.monotonic() < deadline, f"the screen never came to show it:\n{shot_of(pilot.app).text}"
        await asyncio.sleep(pause := min(2 * pause, 0.16))
        await pilot.pause()


async def shows(pilot: Pilot[Any], *texts: str, seconds: float = 20.0) -> str:
    """Wait until all of `texts` are on the screen; what is on it then."""
    seen = ""

    def all_are_there() -> bool:
        nonlocal seen
        seen = shot_of(pilot.app).text
        return all(text in seen for text in texts)

    await until(pilot, all_are_there, seconds)
    return seen
