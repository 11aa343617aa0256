"""Foreign text on every part of the shell that shows any: inert, and shown as it is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.color import Color
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import CONTROL_PAYLOADS, MARKUP_PAYLOADS, PAYLOADS, assert_inert, assert_literal, shot_of
from tests.tui.pty_session import start
from tuitune.hardware.gpus import Gpu
from tuitune.planning.preflight import Advice, Check
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run
from tuitune.tui.actions import Action, actions_of
from tuitune.tui.app import TuituneApp
from tuitune.tui.base import TuituneScreen
from tuitune.tui.compose.checking import Checking
from tuitune.tui.compose.edit import SaveDialog
from tuitune.tui.compose.keys import gpu_choices
from tuitune.tui.compose.launch import LaunchDialog
from tuitune.tui.egress import EGRESS, ascii_text
from tuitune.tui.help import KeyTable
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.ask import Extend
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, TextView
from tuitune.tui.widgets.key_bar import fit_keys
from tuitune.tui.widgets.pane import Pane
from tuitune.views.run_line import RunLine


def test_there_are_enough_payloads() -> None:
    assert len(CONTROL_PAYLOADS) >= 17
    assert len(MARKUP_PAYLOADS) >= 16


class Unfiltered(TuituneApp):
    """Without the last filter, so that a widget that lets something through is found out."""

    def get_line_filters(self) -> Any:
        return [line_filter for line_filter in super().get_line_filters() if line_filter is not EGRESS]


class Frozen(RunsScreen):
    """A list of runs that shows what it is given, not what is on disk."""

    def _watch(self) -> Any:
        return None


class Still(Unfiltered):
    def get_default_screen(self) -> Frozen:
        return Frozen()


async def shown_harmlessly(pilot: Pilot[Any], *payloads: str) -> None:
    """What is on the screen now is inert, and each of `payloads` stands there as it is written."""
    await pilot.pause()
    shot = shot_of(pilot.app)
    assert_inert(shot)
    for payload in payloads:
        assert_literal(shot, payload, characters=8)


WIDE = (160, 30)
"""Columns and lines, where texts are shown one at a time: a screen that shows all of them takes longer to paint."""
SOME = list(PAYLOADS.values())[::3]
"""Texts of every kind, where they are shown one at a time; tests/test_text.py has what becomes of each."""
ONE_AT_A_TIME = pytest.mark.parametrize(
    "payloads", [pytest.param(SOME, id="some"), pytest.param([*PAYLOADS.values()], id="all", marks=pytest.mark.slow)]
)


@pytest.fixture
async def pilot(request: pytest.FixtureRequest) -> AsyncIterator[Pilot[Any]]:
    size = getattr(request, "param", (160, 140))
    async with Still().run_test(size=size, notifications=True) as pilot:
        yield pilot
        assert pilot.app.is_running


async def test_the_list_of_runs(pilot: Pilot[Any]) -> None:
    lines = []
    for number, payload in enumerate(PAYLOADS.values()):
        run = Run(Path("/runs") / payload.replace("/", "\u2215"))
        line = RunLine(run, "failed", False, payload, payload, payload, payload, 3, 9, 0.5, (2.0, 1.0), 10.0, None, 1.0)
        lines += [line, replace(line, state=payload, live=True, run=Run(Path(f"/runs/odd-{number}")))]
    pilot.app.screen.post_message(RunsScreen.Listed(lines))
    await pilot.pause()
    await shown_harmlessly(pilot, *PAYLOADS.values())


@ONE_AT_A_TIME
@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_the_line_about_the_run_under_the_cursor_and_the_machine(pilot: Pilot[Any], payloads: list[str]) -> None:
    for payload in payloads:
        line = RunLine(Run(Path("/runs/one")), "failed", reason=payload)
        pilot.app.screen.post_message(RunsScreen.Listed([line]))
        assert isinstance(pilot.app.screen, RunsScreen)
        pilot.app.screen.show_place(payload, f"GPU 0 {payload}")
        await shown_harmlessly(pilot, payload, f"{payload} · /runs/one")


@ONE_AT_A_TIME
@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_news_of_runs(pilot: Pilot[Any], payloads: list[str]) -> None:
    for number, payload in enumerate(payloads):
        at_work = RunLine(Run(Path(f"/runs/{number}")), "training", live=True, created_at=1.0)
        alarmed = replace(at_work, alerts=1, alert=payload)
        ended = replace(alarmed, state="failed", live=False, reason=payload, ended_at=2.0)
        for line in (at_work, alarmed, ended):
            pilot.app.screen.post_message(RunsScreen.Listed([line]))
            await pilot.pause()
        await until(pilot, lambda number=number: f"{number} failed:" in shot_of(pilot.app).text)
        await shown_harmlessly(pilot, payload)
        pilot.app.clear_notifications()


async def test_what_is_asked_before_a_finished_run_goes_on(pilot: Pilot[Any]) -> None:
    pilot.app.push_screen(Extend("\n".join(PAYLOADS.values()), Recipe()))
    await shown_harmlessly(pilot, *PAYLOADS.values())


class Launching(LaunchDialog):
    """Shows what it is given, not what a check finds."""

    def _check(self) -> Any:
        return None


class Saving(SaveDialog):
    def _check(self) -> Any:
        return None


@ONE_AT_A_TIME
@pytest.mark.parametrize("kind", [Launching, Saving])
async def test_what_is_about_to_be_launched_or_saved(
    pilot: Pilot[Any], kind: type[Checking[Any]], payloads: list[str]
) -> None:
    texts = [payload.encode("utf-8", "ignore").decode() for payload in payloads]
    advice = [Advice("one", "warning", "", payload) for payload in payloads]
    recipes = [_unchecked(text) for text in texts]
    run, changed = Run(Path("/runs/one")), {"model.id": "", "run.notify": ""}
    dialogs = [
        Launching(recipe, Path()) if kind is Launching else Saving(run, Recipe(), recipe, changed, Path())
        for recipe in recipes
    ]
    await pilot.app.push_screen(dialogs[0])
    for text, dialog in zip(texts, dialogs, strict=True):
        dialogs[0].show(dialog.summary(Check([], [], None, 1, 2, None, None)))
        await shown_harmlessly(pilot, text)
    dialogs[0].show(dialogs[0].summary(Check([], advice, None, 1, 2, None, None)))
    await shown_harmlessly(pilot, *(payloads if kind is Launching else ()))
    dialogs[0].fail("\n".join(payloads))
    await shown_harmlessly(pilot, *payloads)


def _unchecked(text: str) -> Recipe:
    """A recipe with a text that the schema would refuse: what draws it does not count on the schema."""
    recipe = Recipe()
    run, model = recipe.run.model_copy(update={"notify": text}), recipe.model.model_copy(update={"id": text})
    return recipe.model_copy(update={"run": run, "model": model})


@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_the_gpus_to_choose_from(pilot: Pilot[Any]) -> None:
    payloads = list(PAYLOADS.values())
    cards = [Gpu(index, payload, payload) for index, payload in enumerate(payloads)]
    for first in range(0, len(payloads), 16):
        pilot.app.push_screen(Choose("device", gpu_choices(cards[first : first + 16])))
        await shown_harmlessly(pilot, *payloads[first : first + 16])
        pilot.app.pop_screen()


async def test_a_question(pilot: Pilot[Any]) -> None:
    pilot.app.push_screen(Confirm("Sure?", "\n".join(PAYLOADS.values()), word="\n".join(PAYLOADS.values())))
    await shown_harmlessly(pilot, *PAYLOADS.values())


@ONE_AT_A_TIME
@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_a_title_of_a_window(pilot: Pilot[Any], payloads: list[str]) -> None:
    for payload in payloads:
        pilot.app.push_screen(Confirm(payload, "Really?"))
        await shown_harmlessly(pilot, payload)
        pilot.app.pop_screen()


async def test_a_text(pilot: Pilot[Any]) -> None:
    pilot.app.push_screen(TextView("Text", "\n".join(PAYLOADS.values())))
    await shown_harmlessly(pilot, *PAYLOADS.values())


@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_a_choice(pilot: Pilot[Any]) -> None:
    payloads = list(PAYLOADS.values())
    for first in range(0, len(payloads), 16):
        part = payloads[first : first + 16]
        pilot.app.push_screen(Choose("Choose", [Choice(payload, payload, payload) for payload in part]))
        await shown_harmlessly(pilot, *part)
        pilot.app.pop_screen()


@ONE_AT_A_TIME
@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_a_notice(pilot: Pilot[Any], payloads: list[str]) -> None:
    for payload in payloads:
        pilot.app.clear_notifications()
        pilot.app.notify(payload, title=payload, timeout=30, markup=True)
        pilot.app.screen.notify(f"{payload} ", title=payload, timeout=30)
        await until(pilot, lambda: len(pilot.app.screen.query("Toast")) >= 2)
        await shown_harmlessly(pilot, payload)


@ONE_AT_A_TIME
@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_titles(pilot: Pilot[Any], payloads: list[str]) -> None:
    pane = pilot.app.query_one(Pane)
    for payload in payloads:
        pilot.app.title = pilot.app.sub_title = payload
        pane.set_title(payload, payload)
        await shown_harmlessly(pilot, payload)
        pane.set_title("left", payload)
        await shown_harmlessly(pilot, payload)


@pytest.mark.parametrize("pilot", [WIDE], indirect=True)
async def test_the_palette(pilot: Pilot[Any]) -> None:
    """Its words are ours, but the reason why an action is not available may name a run."""
    names = [action.name for action in actions_of("runs")]
    payloads = list(PAYLOADS.values())
    for first in range(0, len(payloads), len(names)):
        part = dict(zip(names, payloads[first:], strict=False))
        pilot.app.screen.why_disabled = part.get
        pilot.app.action_command_palette()
        await shown_harmlessly(pilot, *part.values())
        pilot.app.pop_screen()


@pytest.mark.parametrize("payload", MARKUP_PAYLOADS.values(), ids=MARKUP_PAYLOADS.keys())
def test_keys_and_help_take_words_as_they_are(payload: str) -> None:
    action = Action("runs", "x", "x", payload, payload)
    line = fit_keys([action], frozenset(), 800)
    assert payload in line.plain
    assert all("@click" not in str(span.style) for span in line.spans)


async def test_the_help_shows_markup_as_text() -> None:
    class Words(TuituneScreen):
        def compose(self) -> ComposeResult:
            yield KeyTable([(payload, [("k", payload)]) for payload in MARKUP_PAYLOADS.values() if len(payload) < 90])

    class App(TuituneApp):
        def get_default_screen(self) -> Words:  # type: ignore[override]
            return Words()

    async with App().run_test(size=(120, 90)) as pilot:
        shot = shot_of(pilot.app)
        assert_inert(shot)
        for payload in MARKUP_PAYLOADS.values():
            if len(payload) < 90:
                assert_literal(shot, payload)


# The last filter


async def test_the_filter_stops_what_a_widget_lets_through() -> None:
    class Careless(TuituneScreen):
        def compose(self) -> ComposeResult:
            for payload in CONTROL_PAYLOADS.values():
                yield Static(Content(payload, strip_control_codes=False))

    class App(TuituneApp):
        def get_default_screen(self) -> Careless:  # type: ignore[override]
            return Careless()

    async with App().run_test(size=(220, 60)) as pilot:
        shot = shot_of(pilot.app)
        assert_inert(shot)
        assert "safeevil" in shot.text
        assert "algo" in shot.text


def test_the_filter_drops_links_and_keeps_what_is_plain() -> None:
    linked = Segment("here", Style(link="http://evil.example", bold=True))
    plain = Segment("plain ─ 中", Style(bold=True))
    (safe, same) = EGRESS.apply([linked, plain], Color(0, 0, 0))
    assert safe.style is not None
    assert safe.style.link is None
    assert safe.style.bold
    assert same is plain


@pytest.mark.parametrize("text", ["─│┌ ●✓✗ … ▁▂█", "中文 naïve", "plain", "⣿⡇ ⠁"])
def test_ascii_takes_the_same_room(text: str) -> None:
    from rich.cells import cell_len

    assert ascii_text(text).isascii()
    assert len(ascii_text(text)) == cell_len(text)


# Errors that end the app


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(CONTROL_PAYLOADS["clipboard, ended by ST"], marks=pytest.mark.slow),
        MARKUP_PAYLOADS["action"],
        "\x1b[>c\u202e",
    ],
)
def test_a_report_of_an_unexpected_error_is_inert(payload: str) -> None:
    code = f"""
import sys
from tuitune.tui.app import TuituneApp
class Broken(TuituneApp):
    def action_help(self):
        raise RuntimeError({payload!r} + " hf_0123456789abcdefghij0123456789abcd")
sys.exit(Broken().run() or 1)
"""
    with start((sys.executable, "-c", code)) as session:
        session.wait_for(b"No runs yet")
        session.send(b"?")
        assert session.wait(8) == 1
        report = session.text[session.text.rindex("\x1b[?1049l") :]
        assert "RuntimeError" in report
        assert "hf_0123" not in report
        assert "\x1b]" not in report
        assert "\x1b[>c" not in report
        assert "\u202e" not in report


# A real terminal

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs a tmux command on a server of this test's own, which is ended with it."""
    socket = f"tuitune-{uuid.uuid4().hex[:8]}"

    def run(*arguments: str) -> str:
        command = ["tmux", "-L", socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout

    yield run
    subprocess.run(["tmux", "-L", socket, "kill-server"], capture_output=True, timeout=20)


@needs_tmux
def test_a_terminals_answer_to_foreign_text_presses_no_key(make_run: MakeRun, tmux: Callable[..., str]) -> None:
    """`CSI > c` makes a terminal type its version, with a `c` that would press a key; title and clipboard too."""
    hostile = "\x1b[>c\x1b[c\x1b]2;PWNED\x1b\\\x1b]52;c;RVZJTA==\x1b\\"
    make_run("hostile", state="failed", reason=hostile, phase=hostile)
    tmux("new-session", "-d", "-x", "160", "-y", "40", f"{sys.executable} -P -m tuitune")
    tmux("set-option", "-s", "set-clipboard", "on")
    deadline = time.monotonic() + 20
    while "failed" not in (screen := tmux("capture-pane", "-p")):
        assert time.monotonic() < deadline, screen
        time.sleep(0.1)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        screen = tmux("capture-pane", "-p")
        assert "Runs" in screen
        assert "Keys" not in screen
        assert "Delete" not in screen
        time.sleep(0.2)
    assert "␛[>c" in screen
    assert "PWNED" not in tmux("display-message", "-p", "#{pane_title}")
    assert "EVIL" not in tmux("list-buffers")


async def test_a_hostile_run_folder_is_shown_or_passed_over(make_run: MakeRun) -> None:
    """What a run folder's files can say, end to end: reason, phase and recipe, through the real list."""
    for payload in (CONTROL_PAYLOADS["clipboard"], MARKUP_PAYLOADS["closing anything"], MARKUP_PAYLOADS["action"]):
        recipe = {"model": {"id": payload}} if payload.isprintable() else {}
        make_run("run", state="failed", reason=payload, phase=payload, recipe=recipe)
    async with Unfiltered().run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: "3 ended" in shot_of(pilot.app).text)
        for _ in range(3):
            assert_inert(shot_of(pilot.app))
            await pilot.press("j")
