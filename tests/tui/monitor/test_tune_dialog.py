"""Tuning a run from the monitor: the form, what is wrong with an entry, what is sent. By keyboard, at 80×24."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conftest import MakeRun, until
from tests.tui.monitor.monitor_support import LIVE, answer, arguments_of, asked_of, metric, opened, shows, text
from tuitune.recipe.tunable import TUNABLE
from tuitune.tui.app import TuituneApp
from tuitune.tui.monitor.tune_dialog import TuneDialog
from tuitune.tui.widgets.dialogs import Choose
from tuitune.tui.widgets.prompts_editor import PromptsEditor


async def test_tune_sends_what_was_changed_and_nothing_else(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    metric(run, "tuned", nonce="before", step=3, changes={"training.learning_rate": 3e-5})
    async with TuituneApp(run).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "● training")
        await opened(pilot, "T", TuneDialog)
        await shows(pilot, "learning rate          3e-5", "no changes yet")
        await pilot.press("s")
        assert isinstance(pilot.app.screen, TuneDialog), "there is nothing to send"
        await edit(pilot, "1e-5")
        await shows(pilot, "1e-5", "now 3e-5", "s sends learning rate 1e-5")
        await pilot.press("down")
        await edit(pilot, "7")
        await shows(pilot, "log every 7")
        await pilot.press("q", "n")
        assert isinstance(pilot.app.screen, TuneDialog), "changes are not lost unasked"
        await pilot.press("r")
        await until(
            pilot, lambda: "s sends learning rate 1e-5 " in text(pilot) + " " and "log every 7" not in text(pilot)
        )
        await pilot.press("s")
        await shows(pilot, "tune requested …")
        assert arguments_of(run) == {"changes": {"training.learning_rate": 1e-5}}
        nonce = answer(run)
        metric(run, "tuned", nonce=nonce, step=5, changes={"training.learning_rate": 1e-5})
        metric(run, "done", nonce=nonce, verb="tune", ok=True, message="in effect from step 6 on", step=5)
        await shows(pilot, "tune done", "in effect from step 6 on", "tune")
        await opened(pilot, "T", TuneDialog)
        await shows(pilot, "learning rate          1e-5")


async def edit(pilot: Pilot[Any], value: str) -> None:
    """Open the line editor on the setting under the cursor, replace what is there, and keep it."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await pilot.press(*value, "enter")
    await pilot.pause()


async def test_tune_shows_what_is_wrong_under_its_field_and_sends_nothing(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "● training")
        await opened(pilot, "T", TuneDialog)
        await edit(pilot, "0")
        await shows(pilot, "✗ expected a number above 0")
        await pilot.press("tab")
        await until(pilot, lambda: not isinstance(pilot.app.focused, Input))
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TuneDialog)
        await shows(pilot, "✗ learning rate          0")
        await pilot.press("r")
        form = pilot.app.screen.query_one("#rows")
        await pilot.press("G", "up")  # the budget, which needs a price
        await edit(pilot, "5")
        await shows(pilot, "budget", "price")
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TuneDialog), form
        await pilot.press("down")
        await edit(pilot, "2")
        await pilot.press("f2")
        await until(pilot, lambda: asked_of(run) == ["tune"])
        assert arguments_of(run) == {"changes": {"limits.cost": 5.0, "limits.price_per_hour": 2.0}}


async def test_tune_has_every_setting_and_takes_choices_prompts_and_an_open_editor(make_run: MakeRun) -> None:
    run = make_run("triage", **LIVE)
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "● training")
        await opened(pilot, "T", TuneDialog)
        dialog = pilot.app.screen
        assert isinstance(dialog, TuneDialog)
        assert {row.key for row in dialog.form.rows.rows} == TUNABLE
        dialog.form.rows.move_to("evaluation.every")
        await pilot.press("right")
        await shows(pilot, "evaluate every         end")
        dialog.form.rows.move_to("limits.nonfinite")
        await opened(pilot, "enter", Choose)
        await pilot.press(*"warn", "enter")
        await until(pilot, lambda: pilot.app.screen is dialog)
        dialog.form.rows.move_to("samples.prompts")
        await opened(pilot, "enter", PromptsEditor)
        await pilot.press(*"who?", "f2")
        await until(pilot, lambda: pilot.app.screen is dialog)
        dialog.form.rows.move_to("samples.max_new_tokens")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press(*"64", "f2")
        await until(pilot, lambda: asked_of(run) == ["tune"])
        assert arguments_of(run) == {
            "changes": {
                "evaluation.every": "end",
                "limits.nonfinite": "warn",
                "samples.max_new_tokens": 64,
                "samples.prompts": ["who?"],
            }
        }
