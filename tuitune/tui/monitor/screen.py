"""Monitor: one run as it happens, or as it was. Rebuilt from its directory; the run needs nothing from here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partialmethod
from time import monotonic

from textual.app import ComposeResult
from textual.notifications import SeverityLevel

from tuitune.objectives import charted
from tuitune.runs.queue import order
from tuitune.runs.read import usage
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run
from tuitune.text import clean, redact
from tuitune.tui import clipboard
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.monitor.run_charts import PAN, ZOOM
from tuitune.tui.monitor.run_header import RunHeader
from tuitune.tui.monitor.run_panes import RunPanes
from tuitune.tui.monitor.run_requests import VERBS, RunRequests
from tuitune.tui.run_control import CONTROLS
from tuitune.tui.widgets.dialogs import TextView
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.views.pending_requests import Answer

INTERVAL = 1.0
RECORDS_AT_ONCE = 2_000
DRAW_WHILE_READING = 0.5
RECIPE_LIMIT = 1 << 20

_NEED_POINTS = {
    "zoom_in", "zoom_out", "pan_left", "pan_right", "fit", "follow", "log_scale", "smooth", "x_axis", "mark",
}  # fmt: skip
_NEED_ZOOM = {"pan_left", "pan_right", "fit", "follow"}
_NEED_SAMPLES = {"sample_earlier", "sample_later", "sample_prompt"}


class MonitorScreen(TuituneScreen):
    """Watches `run`. One loop reads what is new, at most 2 000 records at a time, and draws what changed.

    It goes on while a dialog stands over it, so that the run behind it never stands still.
    """

    NAME = "monitor"
    BINDINGS = bindings(NAME)
    CSS_PATH = "monitor.tcss"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.view = RunView(run)
        recipe = self.view.recipe
        rewards = recipe.get("rewards", {}).get("weights", {})
        self.panes = RunPanes(run, charted(recipe.get("objective", {}).get("kind"), rewards))
        self.charts, self.book = self.panes.charts, self.panes.samples.book
        self.control = RunRequests(self, self.view, self.book)
        self.handlers = (self.control,)
        self._foreign = ""
        self._place = (0, 0)
        self._due = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield self.panes
        yield KeyBar()

    def why_disabled(self, name: str) -> str | None:
        if self._foreign and (name in CONTROLS or name in VERBS):
            return f"{clean(self.run.name)} is read-only here: {self._foreign}"
        if name == "usage" and usage.result(self.run) is None:
            return f"{clean(self.run.name)} has no result to use yet"
        if name in _NEED_POINTS and self.charts.window is None:
            return "nothing on the charts yet"
        if name in _NEED_ZOOM and self.charts.viewport.whole:
            return "the whole run is in view; + zooms in"
        if name in _NEED_SAMPLES and not self.book.prompts:
            return "no samples yet"
        return super().why_disabled(name)

    # Following the run

    def on_mount(self) -> None:
        self.panes.fit(self.size)
        self.run_worker(self._watch(), name="Following the run", exit_on_error=False)

    def on_resize(self) -> None:
        self.panes.fit(self.size)
        if self.view.complete:
            self.draw()

    async def _watch(self) -> None:
        """Read and draw once a second, for as long as the screen is there; less often while the run is at rest."""
        while True:
            self._foreign = foreign(self.run)
            waits = self.view.summary.state == "queued"  # its place changes with others that leave or pass it
            self._place = await asyncio.to_thread(order.turn, self.run) if waits else (0, 0)
            await self.read()
            self._settle()
            rest = INTERVAL if self.view.summary.state not in AT_REST or self.control.busy else 5 * INTERVAL
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), rest)
            self._due.clear()

    def look_again(self) -> None:
        """Read at once what is new."""
        self._due.set()

    def refresh_keys(self) -> None:
        """A request went out or came back: something may change soon."""
        super().refresh_keys()
        if self.control.busy:
            self.look_again()

    async def read(self) -> None:
        """Take in all that is new, in pieces between which the screen stays alive; what is read is drawn on the way."""
        drawn_at = float("-inf")
        while True:
            self.view.refresh(max_records=RECORDS_AT_ONCE)
            await asyncio.sleep(0)
            done = self.charts.take(self.view) and self.view.complete
            if done or monotonic() - drawn_at >= DRAW_WHILE_READING:
                self.draw()
                drawn_at = monotonic()
            if done:
                return
            await asyncio.sleep(0)

    def draw(self) -> None:
        header = self.query_one(RunHeader)
        header.show_run(self.view, asked=self.control.asks.words, place=self._place, foreign=self._foreign)
        self.panes.draw(self.view)
        super().refresh_keys()

    def _settle(self) -> None:
        """Say what came of what was asked here."""
        asked = self.control.asks.words
        for answer in self.control.asks.settle(self.view):
            came = f"{answer.ask.verb} {'done' if answer.ok else 'not done'}"
            severity: SeverityLevel = "information" if answer.ok else "warning"
            self.notify(f"{came}: {answer.message}{self._show(answer)}", severity=severity)
        if asked != self.control.asks.words:
            self.draw()

    def _show(self, answer: Answer) -> str:
        """Turn to the answer of a sample; how to get there, where its pane is not shown."""
        if answer.ask.verb != "sample" or not answer.ok:
            return ""
        self.book.show_asked(answer.ask.detail)
        self.panes.samples.redraw()
        return "" if self.panes.panes["samples"].display else " · 6 shows it"

    # Panes

    def action_pane(self, number: int) -> None:
        self.panes.show_pane(number)

    def _turn(self, by: int) -> None:
        self.panes.turn(by)

    action_next_pane = partialmethod(_turn, 1)
    action_previous_pane = partialmethod(_turn, -1)

    def action_zoom_pane(self) -> None:
        self.panes.zoom()

    def leave(self) -> bool:
        return self.panes.gather()

    # Which part of the run its charts and samples show, and how

    def _zoom(self, factor: float) -> None:
        self.charts.zoom(factor)
        self.draw()

    action_zoom_in = partialmethod(_zoom, ZOOM)
    action_zoom_out = partialmethod(_zoom, 1 / ZOOM)

    def _pan(self, share: float) -> None:
        self.charts.pan(share)
        self.draw()

    action_pan_left = partialmethod(_pan, -PAN)
    action_pan_right = partialmethod(_pan, PAN)

    def action_fit(self) -> None:
        self.charts.viewport.fit()
        self.draw()

    def action_follow(self) -> None:
        self.charts.viewport.follow()
        self.draw()

    def action_log_scale(self) -> None:
        self.charts.log = not self.charts.log
        self.draw()

    async def action_smooth(self) -> None:
        self.charts.next_weight()
        await self.read()

    def action_x_axis(self) -> None:
        self.charts.next_axis()
        self.draw()

    def action_mark(self) -> None:
        self.charts.mark()
        self.draw()

    def _walk(self, by: int) -> None:
        self.book.walk(by)
        self.panes.samples.redraw()
        self.panes.draw_samples(self.view)

    action_sample_earlier = partialmethod(_walk, -1)
    action_sample_later = partialmethod(_walk, 1)

    def action_sample_prompt(self) -> None:
        self.book.next_prompt()
        self._walk(0)

    # Its recipe, and its result

    def action_recipe(self) -> None:
        try:
            text = files.read_bytes(self.run.recipe_file, RECIPE_LIMIT).decode("utf-8", "replace")
        except OSError as error:
            self.notify(f"the recipe cannot be read: {error.strerror}", severity="error")
            return
        self.app.push_screen(TextView(f"{self.run.name} · recipe.toml", redact(text)))

    async def action_usage(self) -> None:
        text = usage.usage(self.run, self.view.recipe)
        self.app.push_screen(TextView(f"{self.run.name} · from Python", text))
        self.notify(await asyncio.to_thread(clipboard.copy, text, self.app.copy_to_clipboard))

    async def action_copy_path(self) -> None:
        path = self.view.summary.adapter or str(self.run.path)
        done = await asyncio.to_thread(clipboard.copy, path, self.app.copy_to_clipboard)
        self.notify(f"{path}\n{done}")
