"""Driving the monitor in tests: what it shows, what the run behind it records, what a supervisor answers."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from tests.tui import conftest
from tests.tui.conftest import until
from tests.tui.payloads import shot_of
from tuitune.runs.control import intake
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.monitor.screen import MonitorScreen

LIVE = {"state": "training", "steps": 5, "total": 30}
"""Of `make_run`: a run at work."""


def screen(pilot: Pilot[Any]) -> MonitorScreen:
    """The monitor, whatever stands over it."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, MonitorScreen))


def text(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


async def shows(pilot: Pilot[Any], *wanted: str) -> str:
    """Wait until all of `wanted` are on the screen; the screen's text. What is on disk now is read at once."""
    for found in pilot.app.screen_stack:
        if isinstance(found, MonitorScreen):
            found.look_again()
    return await conftest.shows(pilot, *wanted, seconds=10)


async def reads(pilot: Pilot[Any], step: int) -> None:
    """Wait until the monitor has drawn `step`, without painting the screen anew as `shows` does."""
    screen(pilot).look_again()
    await until(pilot, lambda: screen(pilot).view.summary.step == step)
    await pilot.pause(0.1)


def asked_of(run: Run) -> list[str]:
    """The verbs of the requests in the run's spool, oldest first."""
    return [found.verb for found in intake.pending(run) if isinstance(found, intake.Request)]


def answer(run: Run, event: str = "", *, ok: bool = True, message: str = "") -> str:
    """What a supervisor does with the one request in the spool; its nonce."""
    (found,) = intake.pending(run)
    assert isinstance(found, intake.Request)
    with JournalWriter(run.events_file) as events:
        events.append(event="acknowledged", nonce=found.nonce, verb=found.verb, ok=ok, message=message)
        if event:
            events.append(event=event, by=found.nonce)
    intake.discard(run, found.nonce)
    return found.nonce


def append_steps(run: Run, first: int, last: int, **fields: Any) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        for step in range(first, last + 1):
            record = {
                "step": step, "epoch": step / 100, "loss": 1.0, "learning_rate": 1e-4, "grad_norm": 0.5,
                "tokens": step * 900,
                "tokens_per_second": 3000.0, "step_seconds": 0.3, "memory_bytes": 10**9, "peak_memory_bytes": 10**9,
            }  # fmt: skip
            metrics.append(kind="step", **{**record, **fields})


def sample(
    run: Run, step: int, answer: str, *, index: int = 0, prompt: str = "a question", label: str = "during", **more: Any
) -> None:
    with JournalWriter(run.samples_file) as samples:
        samples.append(step=step, index=index, prompt=prompt, answer=answer, label=label, **more)


def event(run: Run, name: str, **fields: Any) -> None:
    with JournalWriter(run.events_file) as events:
        events.append(event=name, **fields)


def metric(run: Run, kind: str, **fields: Any) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind=kind, **fields)


def next_life(run: Run, number: int = 2) -> None:
    """A supervisor and an engine of a later life, both of them this process."""
    me = identity.current().as_record()
    event(run, "supervisor", identity=me, life=number, resumes=True)
    event(run, "engine", identity=me)


def arguments_of(run: Run) -> dict[str, Any]:
    """The arguments of the one request in the run's spool."""
    (found,) = intake.pending(run)
    assert isinstance(found, intake.Request)
    return found.arguments


async def opened(pilot: Pilot[Any], key: str, dialog: type[Any]) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, dialog))
