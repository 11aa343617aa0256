"""Asking something of a run from the monitor: what is sent, what is shown until it is answered, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pyte
import pytest
from textual.widgets import Input

from tests.tui.conftest import MakeRun, until
from tests.tui.monitor.monitor_support import (
    LIVE,
    answer,
    append_steps,
    arguments_of,
    asked_of,
    event,
    metric,
    opened,
    reads,
    sample,
    screen,
    shows,
    text,
)
from tests.tui.monitor.test_monitor import painted
from tests.tui.payloads import PAYLOADS, assert_inert, assert_literal, shot_of
from tuitune.recipe.schema import Recipe
from tuitune.tui.app import TuituneApp
from tuitune.tui.charts.chart import Chart
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.tui.monitor.run_requests import PromptDialog
from tuitune.tui.monitor.tune_dialog import TuneDialog
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.pane import Pane


@pytest.mark.parametrize(("key", "verb"), [("C", "checkpoint"), ("E", "evaluate")])
async def test_a_checkpoint_and_an_evaluation_are_asked_at_once_and_told_when_done(
    make_run: MakeRun, key: str, verb: str
) -> None:
    run = make_run("triage", **LIVE, recipe={"data": {"eval": 0.1}})
    async with TuituneApp(run).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press(key)
        await shows(pilot, f"{verb} requested …")
        assert asked_of(run) == [verb]
        await pilot.press(key)
        await shows(pilot, f"{verb} is already requested")
        assert asked_of(run) == [verb]
        nonce = answer(run, message="passed on to the engine")
        metric(run, "done", nonce=nonce, verb=verb, ok=True, message="so it was done", step=6)
        await shows(pilot, f"{verb} done", "so it was done")
        assert "requested …" not in text(pilot)
        await pilot.press("7")
        await shows(pilot, f"{verb} done: so it was done")
        chart = screen(pilot).query_one("#chart-loss", Chart)
        assert [mark.letter for mark in chart.plot.marks] == [key]


async def test_a_refusal_is_told_whoever_refuses(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("C")
        await shows(pilot, "checkpoint requested …")
        answer(run, ok=False, message="the engine does not listen")
        await shows(pilot, "checkpoint not done", "the engine does not listen")
        assert "requested …" not in text(pilot)
        await pilot.press("C")
        await shows(pilot, "checkpoint requested …")
        metric(run, "done", nonce=answer(run), verb="checkpoint", ok=False, message="the disk is full", step=6)
        await shows(pilot, "the disk is full")


async def test_a_run_that_ends_before_it_answers_is_no_wait_for_ever(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("C")
        await shows(pilot, "checkpoint requested …")
        event(run, "ended", state="finished", reason="")
        await shows(pilot, "✓ finished", "checkpoint not done", "the run ended first: finished")


async def test_pause_and_kill_show_that_they_were_asked_until_the_run_says_so(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("P")
        await shows(pilot, "pause requested …")
        answer(run, "pause-requested")
        await shows(pilot, "◑ stopping", "saves a checkpoint at the next step")
        assert "requested …" not in text(pilot).split("\n")[1]
        event(run, "ended", state="paused", reason="", seconds=3.0)
        await shows(pilot, "‖ paused", "press r to resume", "no checkpoint")
        await pilot.press("C")
        await shows(pilot, "triage is paused", "r resumes it")


async def test_the_countdown_of_a_kill_ticks(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "● training")
        event(run, "kill", rung="terminate-group", seconds=40.0, next="kill-group", message="told to end")
        await shows(pilot, "SIGKILL in 4")
        first = text(pilot).split("SIGKILL in ")[1][:2]
        await until(pilot, lambda: text(pilot).split("SIGKILL in ")[1][:2] < first)


async def test_a_prompt_is_asked_remembered_and_its_answer_turned_to(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE, recipe={"samples": {"prompts": ["a question"]}})
    sample(run, 0, "before", label="base")
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "a question")
        await opened(pilot, "G", PromptDialog)
        await shows(pilot, "its recipe's prompt")
        await pilot.press(*"why?", "enter")
        await shows(pilot, "sample requested …")
        assert arguments_of(run) == {"prompt": "why?"}
        nonce = answer(run)
        sample(run, 6, "because", index=1_234_567, prompt="why?", nonce=nonce)
        metric(run, "done", nonce=nonce, verb="sample", ok=True, message="1 prompt answered at step 6", step=6)
        await shows(pilot, "asked prompt 2/2", "why?", "step 6 · asked", "because", "1 prompt answered")
        await opened(pilot, "G", PromptDialog)
        assert pilot.app.screen.query_one(Input).value == "why?"
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: asked_of(run) == ["sample"])
        assert arguments_of(run) == {}


async def test_what_was_asked_last_is_known_to_a_monitor_that_is_opened_later(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    sample(run, 3, "because", index=1_234_567, prompt="why?", nonce="a")
    async with TuituneApp(run).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "asked prompt 1/1")
        await opened(pilot, "G", PromptDialog)
        await shows(pilot, "Its recipe has no prompts: write one")
        field = pilot.app.screen.query_one(Input)
        assert field.value == "why?"
        field.value = ""
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, PromptDialog), "without prompts in the recipe an empty one is none"


async def test_on_a_small_screen_the_way_to_the_answer_is_told(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("7")
        await opened(pilot, "G", PromptDialog)
        await pilot.press(*"why?", "enter")
        await until(pilot, lambda: asked_of(run) == ["sample"])
        nonce = answer(run)
        sample(run, 6, "because", index=1_234_567, prompt="why?", nonce=nonce)
        metric(run, "done", nonce=nonce, verb="sample", ok=True, message="1 prompt answered", step=6)
        await shows(pilot, "1 prompt answered · 6 shows it")
        await pilot.press("6")
        await shows(pilot, "because")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("queued", "is queued"),
        ("stopping", "is stopping"),
        ("finished", "has finished"),
        ("paused", "is paused"),
    ],
)
async def test_what_cannot_be_asked_says_why(make_run: MakeRun, state: str, reason: str) -> None:
    run = make_run("triage", state=state, steps=0 if state == "queued" else 5)
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, state)
        for key in "CEGT":
            pilot.app.clear_notifications()
            await pilot.press(key)
            await shows(pilot, "triage", reason)
        assert asked_of(run) == []


async def test_a_run_that_failed_offers_its_recipe_for_another(make_run: MakeRun) -> None:
    run = make_run("triage", state="failed", recipe={"training": {"learning_rate": 3e-3}})
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "✗ failed", "a again")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ComposeScreen))
        assert pilot.app.screen.draft.recipe.training.learning_rate == 3e-3
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def test_an_evaluation_needs_rows(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE, recipe={"data": {"eval": None}})
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("E")
        await shows(pilot, "triage has no held-out rows")


async def test_a_run_on_another_machine_is_looked_at_and_no_more(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    me = json.loads(run.owner_file.read_text())
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        run.owner_file.write_text(json.dumps({**me, "host": "elsewhere", "boot_id": "other"}))
        await shows(pilot, "read-only: it runs on elsewhere")
        for key in "PSKCEGT":
            pilot.app.clear_notifications()
            await pilot.press(key)
            await shows(pilot, "is read-only here", "runs on elsewhere")
        assert asked_of(run) == []


async def test_the_run_goes_on_behind_a_dialog_and_only_what_changed_is_sent(make_run: MakeRun) -> None:
    run = make_run("triage", state="training", steps=30, total=100)
    size = (120, 36)
    async with TuituneApp(run).run_test(size=size) as pilot:
        app = pilot.app
        await shows(pilot, "30 / 100")
        await opened(pilot, "G", PromptDialog)
        await pilot.pause(0.2)
        terminal = pyte.Screen(*size)
        stream = pyte.Stream(terminal)
        stream.feed(shot_of(app).output)
        display, written = app._display, []

        def watching(shown: Any, renderable: Any) -> None:
            written.append(painted(app, renderable))
            stream.feed(written[-1])
            display(shown, renderable)

        app._display = watching  # type: ignore[method-assign]
        append_steps(run, 31, 31)
        await reads(pilot, 31)
        written.clear()
        for step in (32, 33, 34):
            append_steps(run, step, step)
            await reads(pilot, step)
        repaint = pyte.Screen(*size)
        pyte.Stream(repaint).feed(shot_of(app).output)
        assert "Sample triage now" in "\n".join(terminal.display)
        assert "step 34 / 100" in terminal.display[0]
        assert terminal.display == repaint.display
        assert sum(map(len, written)) < 3 * 4_000


async def test_a_live_run_sends_little_a_second(make_run: MakeRun) -> None:
    """Four charts, header, machine and events at 1 Hz: unchanged cells are not sent again."""
    run = make_run("triage", state="training", steps=100, total=400)
    same = {"loss": 1.33, "learning_rate": 2e-4, "grad_norm": 0.7, "tokens_per_second": 3120.0}
    append_steps(run, 101, 101, **same)
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "101 / 400")
        await pilot.pause(0.2)
        app, written = pilot.app, [0]
        display = app._display

        def watching(shown: Any, renderable: Any) -> None:
            written[0] += len(painted(app, renderable))
            display(shown, renderable)

        append_steps(run, 102, 102, **same)
        await reads(pilot, 102)
        app._display = watching  # type: ignore[method-assign]
        for step in (103, 104, 105):
            append_steps(run, step, step, **same)
            await reads(pilot, step)
        assert 0 < written[0] < 3 * 4_000


async def test_points_of_a_life_that_was_left_vanish_and_its_samples_too(make_run: MakeRun) -> None:
    run = make_run("triage", state="training", steps=50, total=100)
    sample(run, 10, "early")
    sample(run, 45, "late")
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "50 / 100", "late")
        metric(run, "resumed", step=30, checkpoint="x", exact=True, reasons=[], skipped=[])
        sample(run, 30, "", kind="resumed")
        append_steps(run, 31, 32)
        await shows(pilot, "32 / 100", "early", "resume")
        assert "late" not in text(pilot)
        chart = screen(pilot).query_one("#chart-loss", Chart)
        await until(pilot, lambda: len(chart.plot.lines[0].values) == 32)


async def test_the_panes_hold_still_when_the_terminal_does_not(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    event(run, "kill", rung="stuck", seconds=None, next=None, message="words " * 60)
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "stuck: words")
        for size in ((60, 16), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await shows(pilot, "stopping", "loss")
        assert screen(pilot).query_one("#loss", Pane).display


async def test_foreign_text_is_inert_in_the_dialogs(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("triage")).run_test(size=(100, 30)) as pilot:
        for payload in [one.encode("utf-8", "replace").decode() for one in list(PAYLOADS.values())[::6]]:
            unchecked = Recipe().samples.model_copy(update={"prompts": [payload]})
            recipe = Recipe().model_copy(update={"samples": unchecked})
            for dialog in (TuneDialog(payload, recipe), PromptDialog(payload, payload, 2)):
                pilot.app.push_screen(dialog)
                await pilot.pause()
                assert_inert(shot_of(pilot.app))
                assert_literal(shot_of(pilot.app), payload, characters=8)
                pilot.app.pop_screen()


async def test_foreign_answers_are_inert_in_notices_and_marks(make_run: MakeRun) -> None:
    payload = "\x1b]52;c;ZXZpbA==\x07[@click=app.quit]x[/]"
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("C")
        await shows(pilot, "checkpoint requested …")
        metric(run, "done", nonce=answer(run, message=payload), verb="checkpoint", ok=True, message=payload, step=6)
        await shows(pilot, "checkpoint done")
        assert_inert(shot_of(pilot.app))
        await shows(pilot, "[@click=app.quit]x[/]")
