"""What is typed is what is seen, in every line that takes text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import shot_of
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.tui.app import TuituneApp
from tuitune.tui.base import TuituneScreen
from tuitune.tui.compose.model_picker import ModelPicker
from tuitune.tui.monitor.run_requests import PromptDialog
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.ask import AskLine, Extend
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm
from tuitune.tui.widgets.field_row import FieldView, field_row
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.prompts_editor import PromptsEditor
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.problems_view import ProblemsView
from tuitune.views.draft import Draft

TEXTS = {
    "a long path": "/begins/" + "/".join(f"folder-{number:02}" for number in range(30)) + "/ends.jsonl",
    "a long prompt": "begins " + "and asks for one thing more " * 10 + "ends?",
    "wide characters": "始まり" + "端末の幅を越える長い文" * 12 + "終わり",
}
WIDTHS = (80, pytest.param(200, marks=pytest.mark.slow))
DIALOGS: dict[str, Callable[[], Screen[Any]]] = {
    "ask": lambda: AskLine("Save", "Write it to:"),
    "confirm": lambda: Confirm("Delete?", "Gone for good.", word="word"),
    "choose": lambda: Choose("Palette", [Choice("a", "a")]),
    "prompt": lambda: PromptDialog("run", "", 3),
    "extend": lambda: Extend("run", Recipe()),
    "picker": lambda: ModelPicker(Recipe(), Path.cwd()),
}


class Forms(TuituneScreen):
    """A form with the line editor open on its field, and the filter of the workbench's problems."""

    def compose(self) -> ComposeResult:
        yield Form()
        yield ProblemsView(Bench(Draft(), Path.cwd(), "bundled:triage"))

    def on_mount(self) -> None:
        self.query_one(Form).show([field_row(FieldView(setting("run.notes"), ""))])


def line_of(shot_text: str, app: TuituneApp) -> str:
    focused = app.focused
    assert focused is not None
    return shot_text.splitlines()[focused.region.y]


async def assert_seen(pilot: Pilot[Any], text: str) -> None:
    """Paste `text`: its end is in sight with the cursor behind it, and Home shows its beginning."""
    app = pilot.app
    field = app.focused
    assert isinstance(field, Input), field
    field.value = ""
    app.post_message(Paste(text))
    await pilot.pause()
    assert field.value == text
    await until(pilot, lambda: text[-6:] in line_of(shot_of(app).text, app))
    assert field.region.contains_point(field.cursor_screen_offset)
    await pilot.press("home")
    await until(pilot, lambda: text[:6] in line_of(shot_of(app).text, app))
    assert text[-6:] not in line_of(shot_of(app).text, app)
    assert field.region.contains_point(field.cursor_screen_offset)
    await pilot.press("end")
    await until(pilot, lambda: text[-6:] in line_of(shot_of(app).text, app))


def test_these_are_all_the_lines_there_are() -> None:
    """A new input has to be added to the tests below."""
    sources = Path("tuitune/tui").rglob("*.py")
    found = {path.stem for path in sources if "widgets.line import Line" in path.read_text()}
    assert found == {"ask", "dialogs", "picker", "form", "problems_view", "screen"}


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_line_wider_than_its_window_is_seen_where_the_cursor_is(width: int) -> None:
    async with TuituneApp().run_test(size=(width, 24)) as pilot:
        pilot.app.push_screen(AskLine("Save", "Write it to:", TEXTS["a long path"]))
        await until(pilot, lambda: "ends.jsonl" in shot_of(pilot.app).text)
        for dialog in DIALOGS.values():
            pilot.app.push_screen(dialog())
            await pilot.pause()
            for text in TEXTS.values():
                await assert_seen(pilot, text)
            pilot.app.pop_screen()


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_field_and_the_filters_show_what_is_typed(width: int, make_run: MakeRun) -> None:
    make_run("one")
    app = TuituneApp()
    async with app.run_test(size=(width, 30)) as pilot:
        assert isinstance(app.screen, RunsScreen)
        await until(pilot, lambda: "finished" in shot_of(app).text)
        app.screen.action_filter()
        await pilot.pause()
        for text in TEXTS.values():
            await assert_seen(pilot, text)
        forms = Forms()
        await app.push_screen(forms)
        await pilot.pause()
        forms.query_one(Form).edit("run.notes", "")
        await pilot.pause()
        for text in TEXTS.values():
            await assert_seen(pilot, text)
        forms.query_one(ProblemsView).open_filter()
        await pilot.pause()
        for text in TEXTS.values():
            await assert_seen(pilot, text)


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_long_prompt_is_folded_and_seen_whole_and_prompts_are_counted(width: int) -> None:
    async with TuituneApp().run_test(size=(width, 24)) as pilot:
        pilot.app.push_screen(PromptsEditor(["one", "two"]))
        await pilot.pause()
        assert "2 prompts" in shot_of(pilot.app).text
        area = pilot.app.focused
        assert isinstance(area, TextArea)
        await pilot.press("enter")
        pilot.app.post_message(Paste(TEXTS["wide characters"][:80]))
        await pilot.pause()
        text = shot_of(pilot.app).text
        assert "始まり" in text
        assert TEXTS["wide characters"][74:80] in text.replace(" ", "")
        assert "3 prompts" in text


async def test_control_characters_of_a_paste_are_no_part_of_a_prompt() -> None:
    given: list[list[str] | None] = []
    async with TuituneApp().run_test(size=(100, 24)) as pilot:
        pilot.app.push_screen(PromptsEditor([]), given.append)
        await pilot.pause()
        pilot.app.post_message(Paste("a\x1b[31mb\tc\x00\nd"))
        await until(pilot, lambda: "2 prompts" in shot_of(pilot.app).text)
        await pilot.press("f2")
        await until(pilot, lambda: given)
    assert given == [["a[31mb\tc", "d"]]
    assert Draft().trial("samples.prompts", '["a[31mb"]').refused == {}
