"""Home: every run, one line each. It follows them wherever the person is, and says there when one ends or fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from tuitune.text import clean
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.run_control import CONTROLS, RunControl
from tuitune.tui.runs.queue_keys import QUEUE, QueueKeys
from tuitune.tui.runs.run_alerts import RunAlerts
from tuitune.tui.runs.run_row import heading, run_row
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.views import machine_status
from tuitune.views.run_line import READING, RunLine

_MOST_ROWS = 200
_POLL_SECONDS = 1.0
_BEHIND_SECONDS = 2.0
_TICK_SECONDS = 0.2
_NEWS_SECONDS = 10.0
_NEED_A_RUN = CONTROLS | QUEUE | {"open", "again"}

_INVITATION = Content.from_markup(
    "No runs yet.\n\n"
    "[bold $accent]D[/]  fine-tune the bundled model: two minutes, nothing to download\n"
    "[bold $accent]n[/]  compose a run of your own                                       \n"
    "[bold $accent]?[/]  every key of this screen                                        "
)


class RunsScreen(TuituneScreen):
    """The list of runs, read from disk once a second while it can be seen, and every two seconds behind other screens.

    What stands behind a window over this screen is kept up to date too.
    """

    NAME = "runs"
    AUTO_FOCUS = "RowList"
    BINDINGS = bindings(NAME)

    DEFAULT_CSS = """
    RunsScreen {
        #place, #users { height: 1; padding: 0 1; color: $faint; text-wrap: nowrap; text-overflow: ellipsis; }
        #users { display: none; }
        &.-used #users { display: block; }
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

    def __init__(self) -> None:
        super().__init__()
        self.control = RunControl(self, lambda: (self._at_hand().run, self._at_hand().state))
        self.handlers = (self.control, QueueKeys(self, self.control, self._at_hand))
        self._lines: list[RunLine] = []
        self._words: list[str] = []
        self._herald = RunAlerts()
        self._listed = False
        self._reading = True
        self._opens_first = False
        self._in_sight = threading.Event()

    def compose(self) -> ComposeResult:
        yield Static(_place_line(""), id="place")
        yield Static(id="users")
        with Pane("Runs"):
            yield LineInput(placeholder="name, model, data or state", id="filter")
            yield Static(id="titles")
            yield RowList(id="runs")
            yield Static(_INVITATION, id="empty")
            yield Static(id="detail")
        yield KeyBar()

    def on_mount(self) -> None:
        self.call_after_refresh(self._watch)

    def on_screen_resume(self) -> None:
        self._in_sight.set()
        if self._lines:
            self._show()

    def on_screen_suspend(self) -> None:
        """Another screen, or a window that leaves this one in sight, came over it."""
        if not self._can_be_seen():
            self._in_sight.clear()

    def _can_be_seen(self) -> bool:
        above = self.app.screen_stack[self.app.screen_stack.index(self) + 1 :]
        return all(screen.is_modal for screen in above)

    def on_resize(self) -> None:
        self.query_one("#titles", Static).update(heading(max(self.size.width - 4, 1)))

    # What is on disk

    @work(thread=True, exit_on_error=False)
    def _watch(self) -> None:
        """Follow the runs folder for as long as the app is there, and look at the machine while this is in sight."""
        from tuitune.views.run_list import RunList

        worker = get_current_worker()
        runs, machine = RunList(), machine_status.MachineStatus()
        while not worker.is_cancelled:
            self.post_message(self.Listed(runs.poll(lambda: worker.is_cancelled)))
            if self._in_sight.is_set() and runs.complete:
                self.call_later(self.show_place, *machine.describe())
            if runs.complete or not self._in_sight.is_set():
                self._rest(lambda: worker.is_cancelled)

    def _rest(self, cancelled: Callable[[], bool]) -> None:
        """Wait for the next look: longer behind another screen, until this one comes back in sight."""
        seen, began = self._in_sight.is_set(), time.monotonic()
        seconds = _POLL_SECONDS if seen else _BEHIND_SECONDS
        while time.monotonic() - began < seconds and not cancelled() and seen == self._in_sight.is_set():
            time.sleep(_TICK_SECONDS)

    def show_place(self, machine: str, users: str) -> None:
        """`machine`: what it is, in a few words; `users`: who uses its GPUs."""
        self._write("#place", _place_line(machine))
        self._write("#users", Content(clean(users, limit=400)))
        self.set_class(bool(users), "-used")

    async def on_runs_screen_listed(self, message: Listed) -> None:
        self._lines, self._listed = message.lines, True
        self._tell()
        if self._can_be_seen():
            self._show()
        if self._opens_first and not any(line.state == READING for line in self._lines):
            self._opens_first = False
            if self.is_current:
                await self.action_perform("open")

    def _tell(self) -> None:
        """Ring and say what has happened to the runs, on whatever screen the person is."""
        if news := self._herald.news(self._lines):
            self.app.bell()
        for one in news:
            self.app.notify(one.message, severity=one.severity, timeout=_NEWS_SECONDS)

    def _show(self) -> None:
        now = time.time()
        found = [line for line in self._lines if line.contains(self._words)]
        rows = [ListRow(line.run.path.name, partial(_draw, line, now)) for line in found[:_MOST_ROWS]]
        self.set_class(not self._lines, "-empty")
        self.query_one(RowList).set_rows(rows, cursor=rows[0].key if rows and self._keeps_first() else None)
        self.query_one(Pane).set_title("Runs", self._counts(len(found)))
        self._show_detail()

    def _keeps_first(self) -> bool:
        """Whether the cursor stays on the first row: while runs that are read find their places, until it is moved."""
        shown, was_reading = self.query_one(RowList), self._reading
        self._reading = any(line.state == READING for line in self._lines)
        return was_reading and shown.current in (None, *(row.key for row in shown.rows[:1]))

    def _counts(self, found: int) -> str:
        if self._words or found > _MOST_ROWS:
            return f"{min(found, _MOST_ROWS):,} of {len(self._lines):,} shown"
        kinds = Counter(
            line.state if line.state in ("queued", "paused") else "running" if line.live else "ended"
            for line in self._lines
        )
        return " · ".join(f"{kinds[kind]:,} {kind}" for kind in ("running", "queued", "paused", "ended") if kinds[kind])

    @on(RowList.Highlighted)
    def _show_detail(self) -> None:
        line = self.current()
        self._write("#detail", Content(_detail(line) if line else ""))
        self.refresh_keys()

    @on(RowList.DoubleClicked)
    async def _open_clicked(self) -> None:
        await self.action_perform("open")

    def _write(self, selector: str, content: Content) -> None:
        shown = self.query_one(selector, Static)
        if shown.content != content:
            shown.update(content)

    def current(self) -> RunLine | None:
        key = self.query_one(RowList).current
        return next((line for line in self._lines if line.run.path.name == key), None)

    def _at_hand(self) -> RunLine:
        """The run under the cursor, for the actions that `why_disabled` refuses without one."""
        line = self.current()
        assert line is not None
        return line

    def why_disabled(self, name: str) -> str | None:
        if name == "demo" and self.control.is_under_way(None, name):
            return "The demo is starting"
        if name not in _NEED_A_RUN or self.current() is not None:
            return super().why_disabled(name)
        return "No run here: n composes one, D starts the demo" if self._listed else "Still reading the runs"

    async def action_perform(self, name: str, *number: int) -> None:
        """As any screen's; a run asked for before the list is there is opened once it is."""
        if name == "open" and not self._listed:
            self._opens_first = True
        else:
            await super().action_perform(name, *number)

    def action_demo(self) -> None:
        def start() -> None:
            from tuitune.recipe.presets import demo_recipe
            from tuitune.runs.launcher import launch

            self.app.call_later(self.app.open_monitor, launch(demo_recipe()))

        self.control.begin(None, "demo", start, "The demo did not start")

    def action_new(self) -> None:
        self.app.new_run()

    def action_open(self) -> None:
        self.app.open_monitor(self._at_hand().run)

    def action_quit(self) -> None:
        self.app.exit(self.farewell())

    def farewell(self) -> str | None:
        """One line for the shell about the runs that go on when the app is left; None where none does."""
        live = self.still_live()
        runs = "1 run keeps running" if live == 1 else f"{live} runs keep running"
        return f"{runs}; `tuitune` shows them again" if live else None

    def still_live(self) -> int:
        """How many of the runs that this screen saw at work, or had not read yet, are at work now."""
        from tuitune.runs.read.state import AT_REST, derive

        return sum((line.live or line.state == READING) and derive(line.run)[0] not in AT_REST for line in self._lines)

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
    return clean(" · ".join(filter(None, [words, line.spent, str(line.run.path)])), limit=400)


def _place_line(machine: str) -> Content:
    from tuitune import __version__

    parts = [part for part in (machine_status.folder(), machine) if part]
    return Content.assemble(("tuitune ", "bold $accent"), (__version__, ""), "  ", clean(" · ".join(parts), limit=300))
