"""Home: every run, one line each, and what can be done with the one under the cursor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from tuitune.problem import TuituneError
from tuitune.text import clean
from tuitune.tui import place
from tuitune.tui.actions import bindings
from tuitune.tui.run_line import READING, RunLine
from tuitune.tui.screens.base import TuituneScreen
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import Row, RowList
from tuitune.tui.widgets.run_row import heading, run_row

if TYPE_CHECKING:
    from tuitune.runs.directory import Run

_MOST_ROWS = 200
_POLL_SECONDS = 1.0
_TICK_SECONDS = 0.2

_INVITATION = Content.from_markup(
    "No runs yet.\n\n"
    "[bold $accent]D[/]  fine-tune the bundled model: about a minute, nothing to download\n"
    "[bold $accent]n[/]  compose a run of your own                                       \n"
    "[bold $accent]?[/]  every key of this screen                                        "
)


class RunsScreen(TuituneScreen):
    """The list of runs, read from disk once a second while it is on top."""

    NAME = "runs"
    BINDINGS = bindings(NAME)

    DEFAULT_CSS = """
    RunsScreen {
        #place { height: 1; padding: 0 1; color: $faint; text-wrap: nowrap; text-overflow: ellipsis; }
        Pane { height: 1fr; }
        #filter { display: none; }
        #titles { height: 1; padding-left: 2; }
        #empty { height: 1fr; display: none; content-align: center middle; }
        #detail { height: 1; color: $faint; padding-left: 2; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-filtering #filter { display: block; }
        &.-empty #titles, &.-empty RowList, &.-empty #detail { display: none; }
        &.-empty #empty { display: block; }
    }
    """

    class Listed(Message):
        """The list as it is on disk now."""

        def __init__(self, lines: list[RunLine]) -> None:
            super().__init__()
            self.lines = lines

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.Listed)

    class Located(Message):
        """What machine this is, in a few words."""

        def __init__(self, machine: str) -> None:
            super().__init__()
            self.machine = machine

    class Launched(Message):
        """A run was started."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[RunLine] = []
        self._words: list[str] = []
        self._launching = False
        self._on_top = threading.Event()

    def compose(self) -> ComposeResult:
        yield Static(_place_line(""), id="place")
        with Pane("Runs"):
            yield Input(placeholder="name, model, data or state", compact=True, id="filter")
            yield Static(id="titles")
            yield RowList(id="runs")
            yield Static(_INVITATION, id="empty")
            yield Static(id="detail")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#filter", Input).cursor_blink = False
        self.query_one(RowList).focus()
        self.call_after_refresh(self._watch)

    def on_screen_resume(self) -> None:
        self._on_top.set()

    def on_screen_suspend(self) -> None:
        self._on_top.clear()

    def on_resize(self) -> None:
        self.query_one("#titles", Static).update(heading(max(self.size.width - 4, 1)))

    # What is on disk

    @work(thread=True, exit_on_error=False)
    def _watch(self) -> None:
        """Follow the runs folder while this screen is on top, and look at the machine now and then."""
        from tuitune.tui.run_list import RunList

        worker = get_current_worker()
        runs, machine = RunList(), place.Machine()
        while not worker.is_cancelled:
            if not self._on_top.wait(_TICK_SECONDS):
                continue
            self.post_message(self.Listed(runs.poll(lambda: worker.is_cancelled)))
            if runs.complete:
                self.post_message(self.Located(machine.describe()))
                _rest(_POLL_SECONDS, lambda: worker.is_cancelled)

    def on_runs_screen_located(self, message: Located) -> None:
        self.query_one("#place", Static).update(_place_line(message.machine))

    def on_runs_screen_listed(self, message: Listed) -> None:
        self._lines = message.lines
        self._show()

    def _show(self) -> None:
        now = time.time()
        found = [line for line in self._lines if line.contains(self._words)]
        rows = [Row(line.run.path.name, partial(_draw, line, now)) for line in found[:_MOST_ROWS]]
        runs = self.query_one(RowList)
        self.set_class(not self._lines, "-empty")
        runs.set_rows(rows)
        if self.focused is None:
            runs.focus()
        self.query_one(Pane).set_title("Runs", self._counts(len(found)))
        self._show_detail()
        self.refresh_keys()

    def _counts(self, found: int) -> str:
        live = sum(line.live for line in self._lines)
        if self._words or found > _MOST_ROWS:
            return f"{min(found, _MOST_ROWS)} of {len(self._lines)} shown"
        return f"{live} at work · {len(self._lines) - live} ended" if self._lines else ""

    @on(RowList.Highlighted)
    def _show_detail(self) -> None:
        line = self._current()
        self.query_one("#detail", Static).update(Content(_detail(line) if line else ""))
        self.refresh_keys()

    def _current(self) -> RunLine | None:
        key = self.query_one(RowList).current
        return next((line for line in self._lines if line.run.path.name == key), None)

    def still_live(self) -> int:
        """How many of the runs that this screen saw at work still are."""
        from tuitune.runs.state import ENDED, derive

        return sum(line.live and derive(line.run)[0] not in ENDED for line in self._lines)

    # Actions

    def why_disabled(self, name: str) -> str | None:
        if name == "demo" and self._launching:
            return "The demo is being started"
        if name not in ("open", "again", "stop", "delete"):
            return None
        line = self._current()
        if line is None:
            return "There is no run under the cursor: n composes one, D starts the demo"
        if name == "stop" and not line.live:
            return f"{line.run.name} has ended already" if line.state != READING else "The run is still being read"
        if name == "stop" and line.state == "stopping":
            return f"{line.run.name} is stopping already"
        if name == "delete" and line.live:
            return f"{line.run.name} is {line.state}: stop it first"
        return None

    def action_new(self) -> None:
        self.workbench.open_compose()

    def action_open(self) -> None:
        if line := self._current():
            self.workbench.open_monitor(line.run)

    def action_again(self) -> None:
        from tuitune.recipe.document import read

        if line := self._current():
            try:
                self.workbench.open_compose(read(line.run.recipe_file))
            except TuituneError as refusal:
                self.notify(str(refusal), title="Its recipe cannot be read", severity="error")

    def action_demo(self) -> None:
        from tuitune.recipe.presets import demo_recipe
        from tuitune.runs.launcher import launch

        def start() -> None:
            self.post_message(self.Launched(launch(demo_recipe())))

        self._launching = True
        self.refresh_keys()
        self._in_background(start, "The demo did not start")

    def on_runs_screen_launched(self, message: Launched) -> None:
        self._launching = False
        self.workbench.open_monitor(message.run)

    def action_stop(self) -> None:
        from tuitune.runs.control import request
        from tuitune.tui.widgets.dialogs import Confirm

        if (line := self._current()) is None:
            return
        run = line.run

        def answered(yes: bool | None) -> None:
            if yes:
                self._in_background(lambda: request(run, "stop"), f"{run.name} cannot be stopped")

        question = f"{run.name} ends at its next step and keeps what it has learned: its adapter is saved."
        self.app.push_screen(Confirm("Stop this run?", question), answered)

    def action_delete(self) -> None:
        from tuitune.runs.deletion import delete
        from tuitune.tui.widgets.dialogs import Confirm

        if (line := self._current()) is None:
            return
        run = line.run

        def answered(yes: bool | None) -> None:
            if yes:
                self._in_background(lambda: delete(run), f"{run.name} was not deleted")

        question = f"This removes the run's curves, samples, checkpoints and adapter for good:\n{run.path}"
        self.app.push_screen(Confirm("Delete this run?", question, word=run.name), answered)

    @work(thread=True, exit_on_error=False)
    def _in_background(self, job: Callable[[], object], failure: str) -> None:
        try:
            job()
        except (TuituneError, OSError) as error:
            self.app.call_later(self._failed, str(error), failure)

    def _failed(self, message: str, title: str) -> None:
        self._launching = False
        self.refresh_keys()
        self.notify(message, title=title, severity="error")

    def action_quit(self) -> None:
        self.workbench.leave_app()

    # Filter

    def action_filter(self) -> None:
        self.add_class("-filtering")
        self.query_one("#filter", Input).focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value.lower().split()
        self._show()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.set_class(bool(self._words), "-filtering")
        self.query_one(RowList).focus()

    def leave(self) -> bool:
        if not self.has_class("-filtering"):
            return False
        self.query_one("#filter", Input).value = ""
        self.remove_class("-filtering")
        self.query_one(RowList).focus()
        return True


def _draw(line: RunLine, now: float, width: int) -> Sequence[Content]:
    return [run_row(line, width, now)]


def _detail(line: RunLine) -> str:
    words = line.reason or (line.phase if line.live else "")
    return clean(" · ".join(filter(None, [words, str(line.run.path)])), limit=400)


def _place_line(machine: str) -> Content:
    from tuitune import __version__

    parts = [part for part in (place.folder(), machine) if part]
    return Content.assemble(("tuitune ", "bold $accent"), (__version__, ""), "  ", clean(" · ".join(parts), limit=300))


def _rest(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not cancelled():
        time.sleep(_TICK_SECONDS)
