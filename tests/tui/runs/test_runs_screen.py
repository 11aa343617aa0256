"""The list of runs: what it shows, keeps up with, filters, and does with the run under the cursor."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.runs.harness import launch_stand_ins
from tests.tui.conftest import MakeRun, shows, until, write_events
from tests.tui.payloads import shot_of
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import list_runs
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.app import TuituneApp
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.tui.widgets.row_list import RowList
from tuitune.views.run_line import RunLine
from tuitune.views.run_list import RunList


def lines_of(pilot: Pilot[object]) -> list[str]:
    return shot_of(pilot.app).text.splitlines()


def line_with(pilot: Pilot[object], text: str) -> str:
    return next((line for line in lines_of(pilot) if text in line), "")


async def test_an_empty_list_says_what_to_press_first() -> None:
    async with TuituneApp().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "No runs yet", "D  fine-tune the bundled model", "n  compose")


async def test_every_state_is_a_glyph_and_a_word(make_run: MakeRun) -> None:
    states = {
        "queued": "○", "starting": "◐", "training": "●", "stopping": "◑",
        "finished": "✓", "stopped": "■", "failed": "✗", "crashed": "✗",
    }  # fmt: skip
    for state in states:
        make_run(f"run-{state}", state=state, steps=0 if state in ("queued", "starting") else 5, total=9)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, *(f"{glyph} {state}" for state, glyph in states.items()))
        for state, glyph in states.items():
            assert f"{glyph} {state}" in line_with(pilot, f"run-{state}")


async def test_runs_at_work_stand_first_and_each_group_newest_first(make_run: MakeRun) -> None:
    for name, state in (("old", "finished"), ("working", "training"), ("newer", "failed"), ("newest", "starting")):
        make_run(name, state=state, steps=3)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "… reading" not in shot_of(pilot.app).text and "newest" in shot_of(pilot.app).text)
        order = [line.strip(" ›").split()[2] for line in lines_of(pilot) if line.strip(" ›")[:1] in tuple("○◐●◑✓■✗")]
        assert order == ["newest", "working", "newer", "old"]


@pytest.mark.parametrize("moved", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_the_cursor_stays_on_the_first_row_while_runs_are_read(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    runs = [make_run(f"run-{number}") for number in range(4)][::-1]
    unread = [RunLine(run) for run in runs]
    polls = [unread, [replace(unread[3], state="paused"), *unread[:3]]]
    polls.append([replace(unread[1], state="training", live=True), replace(polls[1][0]), unread[0], unread[2]])
    polls.append([polls[2][0], polls[2][1], *(replace(line, state="finished") for line in (unread[0], unread[2]))])
    turn = iter(polls)
    steps: list[object] = []

    class Scripted:
        complete = False
        lines = polls[0]

        def poll(self, cancelled: object) -> list[RunLine]:
            if steps:
                steps.pop()
                self.lines = next(turn)
            time.sleep(0.01)
            return self.lines

    monkeypatch.setattr("tuitune.views.run_list.RunList", Scripted)
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        rows = app.screen.query_one(RowList)
        for lines in polls:
            steps.append(1)
            await until(
                pilot, lambda lines=lines: [row.key for row in rows.rows] == [one.run.path.name for one in lines]
            )
            if moved and lines is polls[0]:
                await pilot.press("down")
            assert rows.current == (runs[1].path.name if moved else lines[0].run.path.name)


@pytest.mark.parametrize(
    ("size", "titles"),
    [
        ((60, 16), ["state", "name", "step", "loss"]),
        ((80, 24), ["state", "name", "step", "loss", "ETA", "age"]),
        ((120, 36), ["state", "name", "model", "data", "step", "loss", "ETA", "age"]),
        ((200, 60), ["state", "name", "model", "data", "step", "loss", "tokens/s", "ETA", "age"]),
    ],
)
async def test_the_columns_follow_the_width(make_run: MakeRun, size: tuple[int, int], titles: list[str]) -> None:
    make_run("triage-lora", state="training", steps=30, total=120)
    async with TuituneApp().run_test(size=size) as pilot:
        await shows(pilot, "triage-lora")
        assert line_with(pilot, "state ").split() == titles
        row = line_with(pilot, "triage-lora")
        assert "30/120" in row
        assert ("26 s" in row) == ("ETA" in titles)
        assert any(block in row for block in "▂▃▄▅▆▇█") == ("ETA" in titles)
        assert ("bundled:nano" in row) == (size[0] >= 100)
        assert max(len(line) for line in lines_of(pilot)) <= size[0]


async def test_the_list_follows_what_happens_on_disk(make_run: MakeRun) -> None:
    run = make_run("moving", state="training", steps=10, total=50)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "10/50")
        with JournalWriter(run.metrics_file) as metrics:
            metrics.append(kind="step", step=11, loss=0.125, step_seconds=0.3)
        await shows(pilot, "11/50", "0.1250")
        make_run("another", state="failed", steps=0, reason="CUDA out of memory")
        await shows(pilot, "another")
        write_events(run, "finished", "")
        await until(pilot, lambda: "✓ finished" in line_with(pilot, "moving"))


async def test_the_line_below_says_why_the_run_under_the_cursor_ended(make_run: MakeRun) -> None:
    make_run("second", state="stopped", reason="stopped on request")
    make_run("first", state="failed", reason="row 17 of train.jsonl is not JSON")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "row 17 of train.jsonl is not JSON")
        await pilot.press("j")
        await shows(pilot, "stopped on request")


async def test_the_cursor_stays_on_its_run_when_others_come(make_run: MakeRun) -> None:
    make_run("b")
    make_run("a")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, " a ", " b ")
        await pilot.press("down")
        assert "›" in line_with(pilot, " b ")
        make_run("newcomer")
        await shows(pilot, "newcomer")
        assert "›" in line_with(pilot, " b ")


async def test_the_filter_narrows_as_it_is_typed_and_escape_takes_it_back(make_run: MakeRun) -> None:
    make_run("legal", recipe={"model": {"id": "meta/llama"}})
    make_run("support", state="failed")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "legal", "support")
        await pilot.press("slash", *"llama")
        await until(pilot, lambda: not line_with(pilot, "support"))
        assert line_with(pilot, "legal")
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, RowList)
        await pilot.press("escape")
        await shows(pilot, "support")
        await pilot.press("slash", *"failed")
        await until(pilot, lambda: not line_with(pilot, "legal"))
        assert isinstance(pilot.app.focused, Input)


async def test_letters_typed_into_the_filter_do_nothing_else(make_run: MakeRun) -> None:
    make_run("quiet")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "quiet")
        await pilot.press("slash", *"qdDSna?:")
        await pilot.pause()
        assert pilot.app.is_running
        assert pilot.app.query_one("#filter", Input).value == "qdDSna?:"


async def test_stop_asks_first_and_leaves_a_request(make_run: MakeRun) -> None:
    run = make_run("working", state="training", steps=5, total=90)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "working")
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("n", "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert not list(run.control.iterdir())
        await pilot.press("y")
        await until(pilot, lambda: list(run.control.glob("*.json")))
    (request,) = run.control.glob("*.json")
    assert json.loads(request.read_text())["verb"] == "stop"


async def test_delete_wants_the_name_and_removes_the_run(make_run: MakeRun) -> None:
    run = make_run("done-with", state="finished")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "done-with")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press(*"done", "enter")
        assert run.path.exists()
        await pilot.press(*"-with", "enter")
        await shows(pilot, "No runs yet")
    assert not run.path.exists()


@pytest.mark.parametrize(
    ("key", "state", "reason"),
    [
        ("S", "finished", "has already ended"),
        ("S", "stopping", "is already stopping"),
        ("d", "training", "is training: stop it first"),
    ],
)
async def test_what_cannot_be_done_says_why(make_run: MakeRun, key: str, state: str, reason: str) -> None:
    run = make_run("subject", state=state)
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "subject")
        await pilot.press(key)
        await shows(pilot, reason)
    assert run.path.exists()
    assert derive(run)[0] == state


@pytest.mark.parametrize("key", ["enter", *(pytest.param(key, marks=pytest.mark.slow) for key in "ad"), "S"])
async def test_without_a_run_the_keys_say_what_to_press(key: str) -> None:
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "No runs yet")
        await pilot.press(key)
        await shows(pilot, "No run here")


async def test_before_the_runs_are_read_a_key_says_so(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("one")
    monkeypatch.setattr(RunsScreen, "_watch", lambda screen: None)
    async with TuituneApp().run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("S")
        await shows(pilot, "Still reading the runs")


async def test_a_run_asked_for_before_the_runs_are_read_opens_once_they_are(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("one", state="finished")
    watch = RunsScreen._watch
    monkeypatch.setattr(RunsScreen, "_watch", lambda screen: None)
    async with TuituneApp().run_test(size=(80, 24)) as pilot:
        home = pilot.app.screen
        assert isinstance(home, RunsScreen)
        await pilot.press("enter")
        assert pilot.app.screen is home
        watch(home)
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "monitor")


async def test_enter_opens_the_monitor_and_again_the_form(make_run: MakeRun) -> None:
    make_run("watched", state="finished", recipe={"adapter": {"rank": 24}})
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "watched")
        await pilot.press("enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "monitor")
        await pilot.press("escape")
        await shows(pilot, "watched")
        await pilot.press("a")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "compose")


async def test_a_damaged_recipe_is_reported_not_opened(make_run: MakeRun) -> None:
    run = make_run("damaged")
    run.recipe_file.write_text("[adapter\nrank = ")
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "✓ finished")
        await pilot.press("a")
        await shows(pilot, "Its recipe cannot be read")


async def test_the_demo_starts_a_run_and_opens_its_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    launch_stand_ins(monkeypatch, "train")
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await shows(pilot, "No runs yet")
        await pilot.press("D")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "monitor", seconds=30)
        (run,) = list_runs()
        assert run.name == "demo"
        await pilot.press("escape")
        await until(pilot, lambda: line_with(pilot, "bundled:nano"))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "stopped" in line_with(pilot, "bundled:nano"), seconds=90)


async def test_a_demo_that_cannot_start_says_why(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("a file where the folder should be")
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "No runs yet")
        await pilot.press("D")
        await shows(pilot, "The demo did not start")


async def test_a_long_list_shows_the_first_two_hundred(make_run: MakeRun) -> None:
    for number in range(205):
        make_run(f"run-{number:03d}", steps=0)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "200 of 205 shown" in shot_of(pilot.app).text, seconds=20)
        assert len(pilot.app.query_one(RowList).rows) == 200


def test_an_ended_run_is_read_once(make_run: MakeRun) -> None:
    """What it cost to read a long run is not paid again each second."""
    make_run("long", state="finished", steps=10_000)
    runs = RunList()
    while not runs.complete:
        runs.poll()
    started = time.process_time()
    for _ in range(10):
        (line,) = runs.poll()
    assert time.process_time() - started < 0.1
    assert line.step == 10_000


def test_reading_a_very_long_run_does_not_hold_up_the_others(make_run: MakeRun) -> None:
    make_run("short", state="finished", steps=3)
    make_run("long", state="finished", steps=60_000)
    runs = RunList()
    started = time.process_time()
    lines = runs.poll()
    assert time.process_time() - started < 0.6
    assert {line.run.name for line in lines} == {"short", "long"}
    while not runs.complete:
        lines = runs.poll()
    assert {line.state for line in lines} == {"finished"}


def test_runs_that_are_gone_are_forgotten(make_run: MakeRun) -> None:
    run = make_run("gone", state="finished")
    runs = RunList()
    assert [line.run for line in runs.poll()] == [run]
    run.path.rename(run.path.with_name("elsewhere"))
    assert runs.poll() == []
    assert list_runs() == []
