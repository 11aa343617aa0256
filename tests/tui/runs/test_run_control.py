"""Pause, stop, kill, resume and the queue from the list of runs: what is asked first, what is sent, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conftest import MakeRun, shows, until
from tests.tui.payloads import shot_of
from tuitune.runs.control import spool
from tuitune.runs.queue import order, waiting_list
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.app import TuituneApp
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.views.run_list import RunList

WAITS = "CPU is busy: training another-run"


def text_of(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


def requests(run: Run) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in run.control.glob("*.json")]


def answer(run: Run, *, ok: bool, message: str = "") -> None:
    """What a supervisor does with the request in the spool."""
    (file,) = run.control.glob("*.json")
    verb = json.loads(file.read_text())["verb"]
    with JournalWriter(run.events_file) as events:
        events.append(event="acknowledged", nonce=file.stem, verb=verb, ok=ok, message=message)
    file.unlink()


async def on_list(pilot: Pilot[Any], name: str, keys: str) -> None:
    await shows(pilot, name)
    await pilot.press(*keys)


async def test_pause_needs_no_question_and_says_what_will_happen(make_run: MakeRun) -> None:
    run = make_run("working", state="training", steps=5, total=90)
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await on_list(pilot, "working", "P")
        await until(pilot, lambda: requests(run))
        assert requests(run)[0]["verb"] == "pause"
        answer(run, ok=True)
        await shows(pilot, "working saves a checkpoint", "frees its device")


async def test_a_refusal_is_told(make_run: MakeRun) -> None:
    run = make_run("working", state="training", steps=5, total=90)
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await on_list(pilot, "working", "P")
        await until(pilot, lambda: requests(run))
        answer(run, ok=False, message="the disk is full")
        await shows(pilot, "working: pause was refused", "the disk is full")
        assert "saves a checkpoint" not in text_of(pilot)


async def test_kill_says_what_each_step_does_and_wants_the_name(make_run: MakeRun) -> None:
    run = make_run("stubborn", state="training", steps=5, total=90)
    async with TuituneApp().run_test(size=(80, 24), notifications=True) as pilot:
        await on_list(pilot, "stubborn", "K")
        await shows(pilot, "Kill stubborn?", "First it is asked to save", "Then its processes", "Then they get SIGKILL")
        await pilot.press(*"stub", "enter")
        await shows(pilot, "No match")
        assert not requests(run)
        await pilot.press(*"born", "enter")
        await until(pilot, lambda: requests(run))
        assert requests(run)[0] == {"v": 1, "verb": "kill", "arguments": {"now": False}}
        answer(run, ok=True)
        with JournalWriter(run.events_file) as events:
            events.append(event="kill", rung="ask", seconds=20.0, next="terminate", message="asked to end")
        await until(pilot, lambda: not pilot.app.screen.why_disabled("kill"))  # type: ignore[attr-defined]
        await pilot.press("K")
        await shows(pilot, "Kill stubborn at once?")
        await pilot.press(*"stubborn", "enter")
        await until(pilot, lambda: requests(run))
        assert requests(run)[0]["arguments"] == {"now": True}


async def test_a_finished_run_asks_how_far_to_go(make_run: MakeRun) -> None:
    make_run("done", state="finished", recipe={"training": {"epochs": 2.0}})
    async with TuituneApp().run_test(size=(80, 24), notifications=True) as pilot:
        await on_list(pilot, "done", "r")
        await shows(pilot, "Train further", "Epochs in total (2 done)")
        assert pilot.app.screen.query_one(Input).value == "4"
        await pilot.press("ctrl+u", "1", "enter")
        await shows(pilot, "2 already done: enter more")
        await pilot.press("ctrl+u", *"many", "enter")
        await shows(pilot, "expected a number")
        await pilot.press("escape")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "runs")


async def test_a_run_with_a_limit_of_steps_asks_for_steps(make_run: MakeRun) -> None:
    make_run("done", state="finished", recipe={"training": {"max_steps": 30}})
    async with TuituneApp().run_test(size=(80, 24)) as pilot:
        await on_list(pilot, "done", "r")
        await shows(pilot, "Max steps in total (30 done)")
        assert pilot.app.screen.query_one(Input).value == "60"


async def test_resume_starts_the_next_life_at_once(make_run: MakeRun) -> None:
    run = make_run("stopped-short", state="stopped", recipe={"training": {"max_steps": 500}})
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await on_list(pilot, "stopped-short", "r")
        try:
            await until(pilot, lambda: derive(run)[0] not in AT_REST, 20)
            await shows(pilot, "stopped-short resumes when", seconds=20)
        finally:
            if derive(run)[0] not in AT_REST:
                spool.request(run, "kill", {"now": True})
        await until(pilot, lambda: derive(run)[0] in AT_REST, 30)


@pytest.mark.parametrize(
    ("key", "state", "reason"),
    [
        ("P", "finished", "subject has already ended: finished"),
        ("P", "paused", "subject is paused: r resumes it"),
        ("P", "stopping", "subject is already stopping"),
        ("S", "paused", "subject is paused: r resumes it"),
        ("K", "queued", "subject has not started: S removes it from the queue"),
        ("K", "failed", "subject has already ended: failed"),
        ("r", "training", "subject is training: nothing to resume"),
        ("r", "queued", "subject is already queued"),
        ("d", "stopping", "subject is stopping: wait until it has ended"),
        ("d", "queued", "subject is queued: stop it first"),
        ("e", "training", "subject is training: a composes a new run"),
        ("<", "training", "subject is training: only a queued run has a place"),
        (">", "queued", "subject has no place in the queue yet"),
    ],
)
async def test_what_cannot_be_done_says_why(make_run: MakeRun, key: str, state: str, reason: str) -> None:
    run = make_run("subject", state=state)
    before = run.events_file.read_bytes() if run.events_file.exists() else b""
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await on_list(pilot, "subject", key)
        await shows(pilot, reason)
    assert not requests(run)
    assert (run.events_file.read_bytes() if run.events_file.exists() else b"") == before


# The queue


async def test_waiting_runs_stand_in_the_order_of_the_queue_with_place_and_reason(make_run: MakeRun) -> None:
    make_run("paused-one", state="paused")
    make_run("first", state="queued", waits=WAITS)
    make_run("at-work", state="training", steps=3, total=9)
    make_run("ended-one", state="finished")
    make_run("second", state="queued", waits=WAITS)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "1 running · 2 queued · 1 paused · 1 ended")
        names = ["at-work", "first", "second", "paused-one", "ended-one"]
        rows = [line for line in text_of(pilot).splitlines() if any(f" {name} " in line for name in names)]
        assert [next(name for name in names if f" {name} " in row) for row in rows] == names
        assert "○ queued" in rows[1]
        assert "place 1/2" in rows[1]
        assert "place 2/2" in rows[2]
        assert "‖ paused" in rows[3]
        await pilot.press("j")
        await shows(pilot, "CPU is busy: training another-run")


@pytest.mark.parametrize(("key", "name", "reason"), [("<", "first", "already first"), (">", "second", "already last")])
async def test_the_ends_of_the_queue_are_said(make_run: MakeRun, key: str, name: str, reason: str) -> None:
    make_run("first", state="queued", waits=WAITS)
    make_run("second", state="queued", waits=WAITS)
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "first", "second")
        await pilot.press("g" if name == "first" else "G", key)
        await shows(pilot, f"{name} is {reason} in the queue")


async def test_keys_move_a_waiting_run_in_the_queue(make_run: MakeRun) -> None:
    first, second, third = (make_run(name, state="queued", waits=WAITS) for name in ("first", "second", "third"))
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "place 1/3", "place 2/3", "place 3/3")
        await pilot.press("G", "<")
        await until(pilot, lambda: order.waiting() == [first, third, second])
        await until(pilot, lambda: "place 2/3" in next(line for line in text_of(pilot).splitlines() if "third" in line))
        await pilot.press("g", ">")
        await until(pilot, lambda: order.waiting() == [third, first, second])
        assert "›" in next(line for line in text_of(pilot).splitlines() if "first" in line)


def test_a_run_that_is_not_in_the_queue_has_no_place(make_run: MakeRun) -> None:
    run = make_run("gone", state="queued", waits=WAITS)
    runs = RunList()
    assert [(line.place, line.waiting) for line in runs.poll()] == [(1, 1)]
    waiting_list.leave(run)
    assert [(line.place, line.waiting) for line in runs.poll()] == [(0, 0)]


async def test_questions_name_what_becomes_of_a_waiting_run(make_run: MakeRun) -> None:
    run = make_run("patient", state="queued", waits=WAITS)
    async with TuituneApp().run_test(size=(80, 24), notifications=True) as pilot:
        await on_list(pilot, "patient", "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "leaves the queue before it starts" in text_of(pilot)
        await pilot.press("y")
        await until(pilot, lambda: requests(run))
        assert requests(run)[0]["verb"] == "stop"
