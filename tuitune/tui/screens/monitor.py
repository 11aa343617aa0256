"""Monitor: one run as it happens, or as it was. Rebuilt from its directory; the run needs nothing from here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partialmethod
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from tuitune.problem import TuituneError
from tuitune.runs import control, files
from tuitune.runs.directory import Run
from tuitune.runs.identity import Identity
from tuitune.runs.state import ENDED
from tuitune.runs.summary import RunView
from tuitune.text import clean, redact
from tuitune.tui import clipboard
from tuitune.tui.actions import bindings
from tuitune.tui.charts.frame import ASCII_GLYPHS, UNICODE_GLYPHS
from tuitune.tui.screens.base import TuituneScreen
from tuitune.tui.widgets.dialogs import Confirm, TextView
from tuitune.tui.widgets.gpu_panel import GpuPanel, machine_line
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.log_view import LogView, event_texts
from tuitune.tui.widgets.log_window import LogWindow
from tuitune.tui.widgets.metric_strip import MetricStrip
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.run_charts import PAN, ZOOM, RunCharts
from tuitune.tui.widgets.run_curves import METRICS
from tuitune.tui.widgets.run_header import RunHeader
from tuitune.tui.widgets.samples import SamplesView

INTERVAL = 1.0
RECORDS_AT_ONCE = 4_000
DRAW_WHILE_READING = 0.5
RECIPE_LIMIT = 1 << 20

TITLES = {
    "loss": "loss", "learning_rate": "learning rate", "grad_norm": "gradient norm", "tokens_per_second": "throughput",
    "machine": "machine", "samples": "samples", "log": "events & log",
}  # fmt: skip
PANES = tuple(TITLES)
_NEED_POINTS = {
    "zoom_in",
    "zoom_out",
    "pan_left",
    "pan_right",
    "fit",
    "follow",
    "log_scale",
    "smooth",
    "x_axis",
    "mark",
}
_NEED_SAMPLES = {"sample_earlier", "sample_later", "sample_prompt"}


class MonitorScreen(TuituneScreen):
    """Watches `run`. One loop reads what is new, at most 4 000 records at a time, and draws what changed."""

    NAME = "monitor"
    BINDINGS = bindings(NAME)
    CSS_PATH = "monitor.tcss"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.view = RunView(run)
        self._charts = RunCharts(UNICODE_GLYPHS)
        self._machine = GpuPanel()
        self._samples = SamplesView()
        self._log = LogView(LogWindow(run.log_file))
        self._contents: dict[str, Widget] = {
            **self._charts.charts, "machine": self._machine, "samples": self._samples, "log": self._log,
        }  # fmt: skip
        self._active = "loss"
        self._lower = "samples"
        self._zoomed = False
        self._stopping = False
        self._was_live = False

    # Building

    def compose(self) -> ComposeResult:
        yield RunHeader()
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield from self._pane("loss")
                yield MetricStrip()
                with Horizontal(id="pair"):
                    yield from self._pane("learning_rate")
                    yield from self._pane("grad_norm")
                yield from self._pane("log")
            with Vertical(id="right"):
                yield from self._pane("machine")
                yield from self._pane("tokens_per_second")
                yield from self._pane("samples")
        yield KeyBar()

    def _pane(self, name: str) -> Iterator[Widget]:
        with Pane(TITLES[name], id=name):
            yield self._contents[name]

    def on_mount(self) -> None:
        super().on_mount()
        if self.workbench.ascii_only:
            for chart in self._charts.charts.values():
                chart.plot.glyphs = ASCII_GLYPHS
            self.query_one(MetricStrip).glyphs = ASCII_GLYPHS.cells
        self._arrange()
        self._contents["loss"].focus()
        self.run_worker(self._watch(), name="watch", exit_on_error=False)

    # Reading and drawing

    async def _watch(self) -> None:
        """Read and draw once a second, for as long as the screen is there."""
        while True:
            await self._read()
            self._notice_the_end()
            await asyncio.sleep(INTERVAL if self.view.summary.state not in ENDED else 5 * INTERVAL)

    async def _read(self) -> None:
        """Take in all that is new, in pieces between which the screen stays alive; what is read is drawn on the way."""
        drawn_at = float("-inf")
        while True:
            self.view.refresh(max_records=RECORDS_AT_ONCE)
            done = self._charts.take(self.view) and self.view.complete
            if done or monotonic() - drawn_at >= DRAW_WHILE_READING:
                self._draw()
                drawn_at = monotonic()
            if done:
                return
            await asyncio.sleep(0.001)

    def _draw(self) -> None:
        view, charts = self.view, self._charts
        self.query_one(RunHeader).show_run(view, stopping=self._stopping)
        charts.draw(view)
        for name in METRICS:
            ways = charts.ways if name == "loss" else ""
            self._set_title(name, Content.assemble(TITLES[name], ways), charts.value(name))
        self._machine.engine, self._machine.peak = _engine(view), view.summary.peak_memory_bytes
        self._draw_samples()
        self._log.events = event_texts(view.events, view.checkpoints, view.alerts)
        self._log.redraw()
        self._set_title("machine", Content(TITLES["machine"]), Content(""))
        self._set_title("log", Content(TITLES["log"]), Content("" if self._log.following else "scrolled · End follows"))
        if self.has_class("-compact"):
            self._draw_strip()
        self.refresh_keys()

    def _draw_samples(self) -> None:
        fresh = self._samples.book.take(self.view.samples)
        ended = self.view.summary.state in ENDED
        empty = "no samples were made" if ended else "no samples yet"
        if fresh or self._samples.empty != empty:
            self._samples.empty = empty
            self._samples.redraw()
        self._set_title("samples", Content(TITLES["samples"]), Content(self._samples.book.title))

    def _draw_strip(self) -> None:
        curves, charts = self._charts.curves, self._charts
        metrics = [
            (title, charts.value(name).plain or "–", curves.recent(name))
            for title, name in (("lr", "learning_rate"), ("grad", "grad_norm"), ("", "tokens_per_second"))
        ]
        machine = machine_line(self._machine.reading, self._machine.peak)
        self.query_one(MetricStrip).show_metrics(metrics, machine)

    def _set_title(self, name: str, title: Content, right: Content) -> None:
        number = PANES.index(name) + 1
        pane = self.query_one(f"#{name}", Pane)
        pane.set_title(Content.assemble((f"{number} ", "$faint not bold"), title), right)

    def _notice_the_end(self) -> None:
        """Ring once when the run ends while somebody watches."""
        state = self.view.summary.state
        if state not in ENDED:
            self._was_live = True
        elif self._was_live:
            self._was_live = False
            self.app.bell()
            self.notify(
                f"{self.view.summary.name}: {state}", severity="information" if state == "finished" else "warning"
            )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.name == "watch" and event.state == WorkerState.ERROR:
            self.notify(f"this screen stopped updating: {event.worker.error!r}", severity="error")

    # Which panes are shown

    def on_resize(self) -> None:
        self._arrange()
        self._draw()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        for name, content in self._contents.items():
            if content is event.widget:
                self._active = name
                if name != "loss":
                    self._lower = name

    def _arrange(self) -> None:
        """Show all panes; on a small terminal the loss and one more; the active one alone when zoomed."""
        compact = self.size.width < 100 or self.size.height < 30
        self.set_class(compact, "-compact")
        self.set_class(self._zoomed, "-zoomed")
        shown = {self._active} if self._zoomed else {"loss", self._lower} if compact else set(PANES)
        for name in PANES:
            self.query_one(f"#{name}").display = name in shown
        pair = bool(shown & {"learning_rate", "grad_norm"})
        self.query_one("#pair").display = pair
        self.query_one("#left").display = pair or bool(shown & {"loss", "log"})
        self.query_one("#right").display = bool(shown & {"machine", "tokens_per_second", "samples"})

    def _show_pane(self, number: int) -> None:
        self._active = PANES[number - 1]
        if self._active != "loss":
            self._lower = self._active
        self._arrange()
        self._contents[self._active].focus()

    action_pane_1 = partialmethod(_show_pane, 1)
    action_pane_2 = partialmethod(_show_pane, 2)
    action_pane_3 = partialmethod(_show_pane, 3)
    action_pane_4 = partialmethod(_show_pane, 4)
    action_pane_5 = partialmethod(_show_pane, 5)
    action_pane_6 = partialmethod(_show_pane, 6)
    action_pane_7 = partialmethod(_show_pane, 7)

    def action_next_pane(self) -> None:
        self._show_pane((PANES.index(self._active) + 1) % len(PANES) + 1)

    def action_previous_pane(self) -> None:
        self._show_pane((PANES.index(self._active) - 1) % len(PANES) + 1)

    def action_zoom_pane(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()
        self._contents[self._active].focus()

    def leave(self) -> bool:
        if not self._zoomed:
            return False
        self.action_zoom_pane()
        return True

    # Keys

    def why_disabled(self, name: str) -> str | None:
        state = self.view.summary.state
        if name == "stop":
            if state in ENDED:
                return f"nothing to stop: the run is {state}"
            return "it is stopping already" if state == "stopping" or self._stopping else None
        if name in _NEED_POINTS and self._charts.window is None:
            return "there is no point on the charts yet"
        if name in ("pan_left", "pan_right", "fit", "follow") and self._charts.viewport.whole:
            return "the whole run is in view; + zooms in"
        if name in _NEED_SAMPLES and not self._samples.book.prompts:
            return "there are no samples yet"
        return None

    async def action_stop(self) -> None:
        name = clean(self.view.summary.name)
        text = f"{name} ends at its next step and saves its adapter. What it has learned so far is kept."
        self.app.push_screen(Confirm("Stop and save?", text), self._stop)

    def _stop(self, yes: bool | None) -> None:
        if not yes:
            return
        try:
            control.request(self.run, "stop")
        except TuituneError as refusal:
            self.notify(str(refusal), severity="error")
            return
        self._stopping = True
        self._draw()

    def action_zoom_in(self) -> None:
        self._charts.zoom(ZOOM)
        self._draw()

    def action_zoom_out(self) -> None:
        self._charts.zoom(1 / ZOOM)
        self._draw()

    def action_pan_left(self) -> None:
        self._charts.pan(-PAN)
        self._draw()

    def action_pan_right(self) -> None:
        self._charts.pan(PAN)
        self._draw()

    def action_fit(self) -> None:
        self._charts.viewport.fit()
        self._draw()

    def action_follow(self) -> None:
        self._charts.viewport.follow()
        self._draw()

    def action_log_scale(self) -> None:
        self._charts.log = not self._charts.log
        self._draw()

    async def action_smooth(self) -> None:
        self._charts.next_weight()
        await self._read()

    def action_x_axis(self) -> None:
        self._charts.next_axis()
        self._draw()

    def action_mark(self) -> None:
        if self._charts.mark():
            self._draw()

    def _walk_samples(self, by: int) -> None:
        self._samples.book.walk(by)
        self._samples.redraw()
        self._draw_samples()

    action_sample_earlier = partialmethod(_walk_samples, -1)
    action_sample_later = partialmethod(_walk_samples, 1)

    def action_sample_prompt(self) -> None:
        self._samples.book.next_prompt()
        self._walk_samples(0)

    def action_recipe(self) -> None:
        try:
            text = files.read_bytes(self.run.recipe_file, RECIPE_LIMIT).decode("utf-8", "replace")
        except OSError as error:
            self.notify(f"the recipe cannot be read: {error.strerror}", severity="error")
            return
        self.app.push_screen(TextView(f"{self.run.name} · recipe.toml", redact(text)))

    async def action_copy_path(self) -> None:
        path = self.view.summary.adapter or str(self.run.path)
        done = await asyncio.to_thread(clipboard.copy, path, self.app.copy_to_clipboard)
        self.notify(f"{path}\n{done}")


def _engine(view: RunView) -> Identity | None:
    """The engine's process, as the supervisor recorded it."""
    for event in reversed(view.events):
        if event.get("event") == "engine":
            return Identity.from_record(event.get("identity"))
    return None
