"""Keys and clicks that work the same everywhere: the way out, keys without a meaning, Alt, the key bar, tabs, rows."""

from __future__ import annotations

import re
import shlex

import pytest
from textual.app import ComposeResult
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget

from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import shot_of
from tests.tui.pty_session import SCREEN, start
from tuitune.tui import keyboard
from tuitune.tui.actions import bindings
from tuitune.tui.app import TuituneApp
from tuitune.tui.base import TuituneScreen
from tuitune.tui.compose.section_list import SectionMark, SectionTabs
from tuitune.tui.help import HelpScreen
from tuitune.tui.monitor.log_view import LogView, LogWindow
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, TextView
from tuitune.tui.widgets.key_bar import KeyBar, place_keys
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.row_list import ListRow, RowList


def last_line(app: TuituneApp) -> str:
    return shot_of(app).text.splitlines()[-1]


# Keys


async def test_a_key_without_a_meaning_says_so_in_one_line_and_the_keys_come_back() -> None:
    app = TuituneApp()
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        await pilot.press("Z")
        await until(pilot, lambda: "Z does nothing here" in last_line(app))
        await pilot.press("f7", "5")
        await until(pilot, lambda: "5 does nothing here · ? lists the keys" in last_line(app))
        assert not app._notifications
        await until(pilot, lambda: "n new" in last_line(app))
        await pilot.press("left_shift", "media_play")
        await pilot.pause()
        assert "does nothing" not in last_line(app)


async def test_a_key_that_is_typed_is_not_without_a_meaning() -> None:
    app = TuituneApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.push_screen(Choose("Pick", [Choice("a", "a")]))
        await pilot.pause()
        await pilot.press("Z", "q", "space")
        assert app.screen.query_one(LineInput).value == "Zq "
        assert "does nothing" not in last_line(app)
        await pilot.press("f7")
        await until(pilot, lambda: "does nothing in this window" in last_line(app))


async def test_q_leads_out_one_layer_at_a_time_and_leaves_from_home(make_run: MakeRun) -> None:
    make_run("one")
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "finished" in shot_of(app).text)
        for key, name in (("n", "compose"), ("enter", "monitor")):
            await pilot.press(key)
            await until(pilot, lambda name=name: getattr(app.screen, "NAME", "") == name)
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            await pilot.press("q")
            await until(pilot, lambda name=name: getattr(app.screen, "NAME", "") == name)
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        for window in (TextView("Text", "text"), Confirm("Sure?", "text")):
            app.push_screen(window)
            await pilot.pause()
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert not app._exit
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_the_palette_says_that_no_action_matches() -> None:
    app = TuituneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("colon", *"zzzz")
        await until(pilot, lambda: "no action matches" in shot_of(app).text)
        await pilot.press(*["backspace"] * 4)
        await until(pilot, lambda: "no action matches" not in shot_of(app).text)


@pytest.mark.parametrize(("name", "line"), [("monitor", "1–7"), ("workbench", "1–5")])
async def test_the_help_names_the_digits_in_sight(name: str, line: str) -> None:
    app = TuituneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(HelpScreen(name, "Keys"))
        await until(pilot, lambda: line in shot_of(app).text)
        assert "scroll" in shot_of(app).text


# Alt


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("\x1b\r", ["alt+enter"]),
        ("\x1b]", ["alt+right_square_bracket"]),
        ("\x1ba", ["alt+a"]),
        ("\x1b ", ["alt+space"]),
        ("\x1b", ["escape"]),
        ("\r", ["enter"]),
        ("\x1b[A", ["up"]),
        ("\x1b[13;3u", ["alt+enter"]),
    ],
)
def test_alt_with_a_key_is_not_that_key(sent: str, keys: list[str]) -> None:
    parser = keyboard.KeyParser()
    found = [*parser.feed(sent), *parser.feed("")]
    assert [event.key for event in found] == keys
    assert not any(event.is_printable for event in found if event.key.startswith("alt+"))


async def test_alt_enter_confirms_nothing() -> None:
    given: list[object] = []
    app = TuituneApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.push_screen(Choose("Pick", [Choice("a", "a")]), given.append)
        await pilot.pause()
        await pilot.press("alt+enter")
        assert not given
        await pilot.press("enter")
        await until(pilot, lambda: given == ["a"])


# Ctrl-Z


def test_the_shell_gets_its_terminal_back_and_the_screen_returns_on_fg() -> None:
    with start(("bash", "--norc", "--noprofile", "-i"), PS1="READY> ") as session:
        session.wait_for(b"READY> ")
        session.send(f"{shlex.join(SCREEN)}\n".encode())
        session.wait_for(b"No runs yet")
        session.send(b"\x1a")
        session.wait_for(b"Stopped")
        assert session.text.rfind("\x1b[?1049l") > session.text.rfind("\x1b[?1049h")
        session.ask(b"fg\n", b"No runs yet")
        session.ask(b"q", b"READY> ")
        session.send(b"exit\n")
        session.wait(15)


def test_where_no_shell_waits_it_says_so_and_goes_on() -> None:
    with start() as session:
        session.wait_for(b"No runs yet")
        session.send(b"\x1a")
        session.wait_for(b"no shell here")
        session.send(b"q")
        assert session.wait(5) == 0


# The mouse


class Bars(TuituneScreen):
    NAME = "runs"
    BINDINGS = bindings("runs")
    done: list[str] = []

    def compose(self) -> ComposeResult:
        yield Widget()
        yield KeyBar()

    async def action_perform(self, name: str, *number: int) -> None:
        self.done.append(name)


@pytest.mark.parametrize("width", [80, 160])
async def test_a_click_on_the_key_bar_does_what_its_key_does(width: int) -> None:
    app = TuituneApp()
    async with app.run_test(size=(width, 24)) as pilot:
        screen = Bars()
        screen.done = []
        await app.push_screen(screen)
        await pilot.pause()
        shown = last_line(app)
        for label, name in (("n new", "new"), ("/ filter", "filter")):
            await pilot.click(KeyBar, offset=(shown.index(label) + 2, 0))
            await until(pilot, lambda name=name: screen.done[-1:] == [name])
        await pilot.click(KeyBar, offset=(shown.index("? help") + 3, 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await pilot.click(KeyBar, offset=(shown.index("Esc back") + 3, 0))
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


def test_no_two_keys_of_the_bar_share_a_column() -> None:
    from tuitune.tui.actions import actions_of

    for width in range(20, 220, 9):
        placed = place_keys(actions_of("compose"), frozenset(), width, back=True)
        ends = [start + len(action.display_key.split()[0]) + 1 + len(action.label) for start, action in placed]
        assert all(end < begin for end, (begin, _) in zip(ends, placed[1:], strict=False))


async def test_a_click_on_a_tab_is_told_by_its_name_and_the_one_in_hand_stays_in_sight() -> None:
    class Names(TuituneScreen):
        chosen: list[str] = []

        def compose(self) -> ComposeResult:
            yield SectionTabs()

        def on_tabs_chosen(self, event: SectionTabs.Chosen) -> None:
            self.chosen.append(event.key)

    marks = [SectionMark(f"name{number}", f"Section{number}") for number in range(20)]
    app = TuituneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Names()
        await app.push_screen(screen)
        for current in ("name0", "name15"):
            screen.query_one(SectionTabs).show(marks, current)
            await pilot.pause()
            line = shot_of(app).text.splitlines()[0]
            assert f"Section{current.removeprefix('name')}" in line
            await pilot.click(SectionTabs, offset=(line.index("Section14" if "Section14" in line else "Section2"), 0))
        await until(pilot, lambda: screen.chosen == ["name2", "name14"])


async def test_a_double_click_opens_a_run_and_a_click_goes_to_it(make_run: MakeRun) -> None:
    make_run("one")
    make_run("two")
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        await until(pilot, lambda: shot_of(app).text.count("finished") == 2)
        await pilot.click("#runs", offset=(10, 1))
        await until(pilot, lambda: screen.current() is not None and screen.current().run.name == "one")
        await pilot.click("#runs", offset=(10, 0), times=2)
        await until(pilot, lambda: getattr(app.screen, "NAME", "") == "monitor" and app.screen.is_mounted)


async def test_the_wheel_scrolls_the_log(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(200)))

    class Log(TuituneScreen):
        def compose(self) -> ComposeResult:
            yield LogView(LogWindow(log))

    app = TuituneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(Log())
        await pilot.pause()
        assert "line 199" in shot_of(app).text
        view = app.screen.query_one(LogView)
        await scroll(pilot, view, up=True)
        assert "line 199" not in shot_of(app).text
        assert "line 196" in shot_of(app).text
        await scroll(pilot, view, up=False)
        assert "line 199" in shot_of(app).text


async def test_the_wheel_scrolls_a_list_and_leaves_the_cursor_where_it_is() -> None:
    rows = [ListRow(str(number), lambda width, number=number: [Content(f"row {number}")]) for number in range(100)]

    class Long(TuituneScreen):
        def compose(self) -> ComposeResult:
            yield RowList()

    def seen(number: int) -> bool:
        return re.search(rf"row {number}\b", shot_of(app).text) is not None

    app = TuituneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(Long())
        shown = app.screen.query_one(RowList)
        shown.set_rows(rows, cursor="0")
        await pilot.pause()
        await scroll(pilot, shown, up=False)
        await until(pilot, lambda: not seen(0))
        shown.set_rows(rows)
        await pilot.pause()
        assert not seen(0)
        assert shown.current == "0"
        await pilot.press("down")
        await until(pilot, lambda: seen(1))


async def scroll(pilot: Pilot[str], view: Widget, *, up: bool) -> None:
    from textual.events import MouseScrollDown, MouseScrollUp

    kind = MouseScrollUp if up else MouseScrollDown
    view.post_message(kind(view, 5, 5, 0, 0, 0, False, False, False))
    await pilot.pause()
    await pilot.pause()
