"""What holds on every screen: keys, layers, notices, the palette, the help, sizes, the key bar's memory."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Button

from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import shot_of
from tuitune.tui.actions import ACTIONS, EVERYWHERE, HOME, SCREENS, actions_of, bindings
from tuitune.tui.app import TuituneApp
from tuitune.tui.base import TuituneScreen
from tuitune.tui.help import HelpScreen
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, TextView
from tuitune.tui.widgets.key_bar import KeyBar, fit_keys
from tuitune.tui.widgets.pane import Pane

FORBIDDEN_KEYS = {"ctrl+s", "ctrl+q", "ctrl+b", "ctrl+a"}


async def test_no_key_that_terminals_and_multiplexers_keep_for_themselves() -> None:
    async with TuituneApp().run_test() as pilot:
        bound = set(pilot.app.active_bindings) | {key for action in ACTIONS for key in action.keys.split(",")}
        assert not bound & FORBIDDEN_KEYS
        assert pilot.app.active_bindings["ctrl+z"].binding.action == "to_the_shell"
        assert not [key for key in bound if key.startswith("alt+")]


def test_every_key_means_one_thing_on_a_screen() -> None:
    for screen in {action.screen for action in ACTIONS}:
        keys = [key for action in actions_of(screen) for key in action.keys.split(",")]
        if screen != EVERYWHERE:
            keys += [key for action in actions_of(EVERYWHERE) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), screen


def test_every_screen_with_keys_is_listed_and_has_a_way_back() -> None:
    screens = {action.screen for action in ACTIONS} - {"edit"}
    assert screens == set(SCREENS)
    for screen in screens - {HOME, EVERYWHERE}:
        assert "out" in [action.name for action in actions_of(screen)], screen


async def test_escape_never_leaves_home() -> None:
    async with TuituneApp().run_test() as pilot:
        await pilot.press("escape", "escape", "escape")
        assert pilot.app.is_running
        assert isinstance(pilot.app.screen, RunsScreen)


async def test_escape_goes_one_layer_out(make_run: MakeRun) -> None:
    make_run("one")
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "finished" in shot_of(app).text)
        await pilot.press("n")
        await until(pilot, lambda: getattr(app.screen, "NAME", "") == "compose")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: getattr(app.screen, "NAME", "") == "compose")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_a_run_given_is_opened_at_once(make_run: MakeRun) -> None:
    run = make_run("given")
    app = TuituneApp(run)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: getattr(app.screen, "NAME", "") == "monitor")
        app.open_runs()
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_the_help_lists_every_action_of_the_screen(key: str) -> None:
    app = TuituneApp()
    async with app.run_test(size=(140, 50)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = shot_of(app).text
        for action in [*actions_of("runs"), *actions_of(EVERYWHERE)]:
            assert action.display_key in text
            assert action.help.split()[0] in text
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_the_help_can_be_scrolled_on_a_small_terminal() -> None:
    app = TuituneApp()
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "Quit from anywhere" not in shot_of(app).text
        await pilot.press("G")
        await until(pilot, lambda: "Quit from anywhere" in shot_of(app).text)


async def test_the_palette_runs_an_action_found_by_typing() -> None:
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"every key")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_the_palette_says_why_an_action_is_not_available() -> None:
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "No runs yet" in shot_of(app).text)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "No run here" in shot_of(app).text


async def test_a_theme_chosen_in_the_palette_is_remembered() -> None:
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        assert app.theme == "graphite"
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"paper", "enter")
        await until(pilot, lambda: app.theme == "paper")
    assert TuituneApp().theme == "paper"


async def test_control_c_leaves_only_when_pressed_twice() -> None:
    app = TuituneApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "ctrl+c again" in shot_of(app).text)
        assert app.is_running
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app._exit


async def test_control_c_in_a_dialog_leaves_too() -> None:
    app = TuituneApp()
    async with app.run_test() as pilot:
        app.push_screen(Confirm("Sure?", "text"))
        await pilot.pause()
        await pilot.press("ctrl+c", "ctrl+c")
        await pilot.pause()
        assert app._exit


async def test_a_line_that_fits_stands_in_the_key_bar_and_covers_nothing() -> None:
    app = TuituneApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "No runs yet" in shot_of(app).text)
        above = shot_of(app).text.splitlines()[:-1]
        app.notify("the checkpoint of step 200 is on disk")
        await until(pilot, lambda: "step 200 is on disk" in shot_of(app).text.splitlines()[-1])
        assert shot_of(app).text.splitlines()[:-1] == above
        too_long, two_lines = "a path " * 13, "one line\nand another"
        for text, more in ((too_long, {}), (two_lines, {}), ("broken", {"severity": "error"}), ("b", {"timeout": 9})):
            app.clear_notifications()
            app.notify(text, **more)
            await until(pilot, lambda: len(app.screen.query("Toast")) == 1)
        app.clear_notifications()
        app.push_screen(TextView("Text", "text"))
        app.notify("said over a window")
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1)


async def test_at_most_three_notices_stand_at_once_and_none_twice() -> None:
    app = TuituneApp()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        for number in range(7):
            app.notify(f"notice {number}", title="Told")
            app.notify("the same again", title="Told")
        await until(pilot, lambda: "notice 6" in shot_of(app).text)
        text = shot_of(app).text
        assert text.count("the same again") == 1
        assert sum(f"notice {number}" in text for number in range(7)) == 2


class Parting(TuituneScreen):
    """Says something as it goes."""

    def on_unmount(self) -> None:
        self.app.notify("the run is paused")


async def test_a_notice_that_comes_when_the_screens_have_closed_ends_nothing() -> None:
    async with TuituneApp().run_test(notifications=True) as pilot:
        pilot.app.push_screen(Parting())
    assert not pilot.app.is_running


@pytest.mark.parametrize("size", [(59, 30), (100, 15), (20, 5)])
async def test_a_terminal_too_small_shows_what_is_needed(size: tuple[int, int]) -> None:
    app = TuituneApp()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "needs 60×16" in shot_of(app).text)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "No runs yet" in shot_of(app).text)
        assert "needs" not in shot_of(app).text


# The key bar


class Busy(TuituneScreen):
    NAME = "runs"
    BINDINGS = bindings("runs")
    refused: str | None = None

    def compose(self) -> ComposeResult:
        with Pane("Buttons"):
            for number in range(30):
                yield Button(f"{number}", compact=True)
        yield KeyBar()

    def why_disabled(self, name: str) -> str | None:
        return self.refused if name == "delete" else None


class BusyApp(TuituneApp):
    def get_default_screen(self) -> Busy:  # type: ignore[override]
        return Busy()


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def move_focus(pilot: Pilot[Any], times: int) -> None:
    for _ in range(times):
        focused = pilot.app.focused
        pilot.app.simulate_key("tab")
        while pilot.app.focused is focused:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.002)


async def test_the_key_bar_does_not_grow_with_focus_moves() -> None:
    async with BusyApp().run_test(size=(120, 36)) as pilot:
        await move_focus(pilot, 40)
        gc.collect()
        before, objects = resident_bytes(), len(gc.get_objects())
        await move_focus(pilot, 100)
        gc.collect()
        assert resident_bytes() - before < 3 * 2**20
        assert len(gc.get_objects()) - objects < 2_500


@pytest.mark.parametrize("width", range(30, 200, 7))
def test_the_key_bar_fits_and_keeps_the_help(width: int) -> None:
    for screen in ("runs", "compose", "monitor"):
        shown = [action for action in actions_of(screen) if action.shown]
        line = fit_keys(shown, frozenset(), width)
        assert line.cell_length == width
        assert line.plain.endswith("? help")


def test_where_there_is_no_room_what_is_not_available_goes_first() -> None:
    shown = [action for action in actions_of("runs") if action.shown]
    line = fit_keys(shown, frozenset({"open", "again", "stop"}), 60).plain
    assert line.startswith("n new  / filter  q quit  r resume  P pause")
    assert not any(label in line for label in ("open", "again", "stop"))
    assert "open" in fit_keys(shown, frozenset({"open"}), 200).plain


async def test_a_disabled_action_stays_in_sight_and_says_why() -> None:
    app = BusyApp()
    async with app.run_test(size=(160, 36), notifications=True) as pilot:
        screen = app.screen
        assert isinstance(screen, Busy)
        before = app.query_one(KeyBar).render()
        screen.refused = "nothing to delete"
        screen.refresh_keys()
        after = app.query_one(KeyBar).render()
        assert before.plain == after.plain
        assert not before.is_same(after)
        await pilot.press("d")
        await until(pilot, lambda: "nothing to delete" in shot_of(app).text)


# Panes and dialogs


async def test_a_pane_shows_both_titles_in_one_row_and_redraws_them() -> None:
    class Panes(TuituneApp):
        def get_default_screen(self) -> TuituneScreen:  # type: ignore[override]
            return One()

    class One(TuituneScreen):
        def compose(self) -> ComposeResult:
            with Pane("Loss", "0.42"):
                yield Button("x", compact=True)

    app = Panes()
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: "Loss" in shot_of(app).text)
        first = shot_of(app).text.splitlines()[0]
        assert first.startswith("─ Loss ─")
        assert first.endswith("─ 0.42 ─")
        app.query_one(Pane).set_title("Loss of a run with a very long name " * 4, "0.41")
        await pilot.pause()
        first = shot_of(app).text.splitlines()[0]
        assert first.endswith("… ── 0.41 ─")
        app.query_one(Pane).set_title("Loss of a run with a very long name " * 4, "0.40", "Loss")
        await until(pilot, lambda: shot_of(app).text.startswith("─ Loss ──"))
        app.query_one(Pane).set_title("Loss of a run", "0.40", "Loss")
        await until(pilot, lambda: shot_of(app).text.startswith("─ Loss of a run ──"))


@pytest.mark.parametrize(("keys", "answer"), [("y", True), ("n", False), ("escape", False)])
async def test_a_question_is_answered_by_a_key(keys: str, answer: bool) -> None:
    given: list[bool | None] = []
    async with TuituneApp().run_test() as pilot:
        pilot.app.push_screen(Confirm("Stop?", "It ends."), given.append)
        await pilot.pause()
        await pilot.press(keys)
        await until(pilot, lambda: given)
    assert given == [answer]


async def test_a_dangerous_question_needs_the_word() -> None:
    given: list[bool | None] = []
    async with TuituneApp().run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(Confirm("Delete?", "Gone for good.", word="demo"), given.append)
        await pilot.pause()
        await pilot.press(*"dem", "enter")
        await until(pilot, lambda: "Nothing was done" in shot_of(pilot.app).text)
        assert not given
        await pilot.press("o", "enter")
        await until(pilot, lambda: given)
    assert given == [True]


async def test_a_choice_is_narrowed_by_typing_and_moved_by_arrows() -> None:
    given: list[str | None] = []
    options = [Choice(f"value {name}", name, "an animal") for name in ("ant", "bee", "beetle", "cat")]
    async with TuituneApp().run_test(size=(100, 30)) as pilot:
        pilot.app.push_screen(Choose("Pick", options, current="value bee"), given.append)
        await until(pilot, lambda: "beetle" in shot_of(pilot.app).text)
        await pilot.press(*"bee", "down", "enter")
        await until(pilot, lambda: given)
        pilot.app.push_screen(Choose("Pick", options), given.append)
        await pilot.pause()
        await pilot.press(*"nothing like it", "enter", "escape")
        await until(pilot, lambda: len(given) == 2)
    assert given == ["value beetle", None]


async def test_a_long_text_is_scrolled_to_its_end() -> None:
    text = "\n".join(f"line {number}" for number in range(500))
    async with TuituneApp().run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(TextView("Log", text))
        await until(pilot, lambda: "line 3" in shot_of(pilot.app).text)
        await pilot.press("G")
        await until(pilot, lambda: "line 499" in shot_of(pilot.app).text)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
