"""The panes of the monitor: which are shown, and what each shows of the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click, DescendantFocus, MouseEvent, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.widget import Widget

from tuitune.metrics import COMMON, Metric, Place
from tuitune.objectives import METRICS
from tuitune.runs.control.spool import FITS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import EngineStarted, Slot
from tuitune.tui.charts.chart import Chart
from tuitune.tui.charts.frame import ASCII_GLYPHS
from tuitune.tui.monitor.gpu_panel import GpuPanel
from tuitune.tui.monitor.log_view import LogView, LogWindow
from tuitune.tui.monitor.metric_strip import MetricStrip
from tuitune.tui.monitor.run_charts import RunCharts
from tuitune.tui.monitor.samples import SamplesView
from tuitune.tui.widgets.pane import Pane
from tuitune.views.event_texts import event_texts

OTHERS = {"machine": "machine", "samples": "samples", "log": "events & log"}
"""The panes without a chart, and their titles."""

NUMBERED = (*(metric.key for metric in COMMON if metric.pane), *OTHERS)
"""The panes that a number key shows: those that every run has, or the first of its own."""


class RunPanes(Horizontal):
    """Charts and log at the left, machine and samples at the right; on a small terminal the first and one more pane."""

    def __init__(self, run: Run, metrics: Sequence[Metric]) -> None:
        super().__init__(id="panes")
        self.charts = RunCharts(metrics)
        self.machine = GpuPanel()
        self.samples = SamplesView()
        self.log_view = LogView(LogWindow(run.log_file))
        contents: dict[str, Widget] = {
            **self.charts.charts, "machine": self.machine, "samples": self.samples, "log": self.log_view,
        }  # fmt: skip
        self._first = next(metric.key for metric in metrics if metric.pane == "first")
        self._numbered = (self._first, *NUMBERED[1:])
        self._alone = {metric.key for metric in metrics if metric.pane == "alone"}
        self.names = (*self._numbered, *(name for name in contents if name not in self._numbered))
        self._contents = {name: contents[name] for name in self.names}
        self.panes = {name: _pane(name, first=name == self._first) for name in self.names}
        self.zoomed = False
        self._active = self._first
        self._lower = "samples"
        self._told: tuple[object, ...] = ()
        self._reloads = 0
        self._failed = False

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield from self._charts("first")
            yield MetricStrip()
            with Horizontal(id="pair"):
                yield from self._charts("pair")
            yield from self._filled("log")
            yield from self._charts("alone")
        with Vertical(id="right"):
            yield from self._filled("machine")
            yield from self._charts("right")
            yield from self._filled("samples")

    def _charts(self, place: Place) -> Iterator[Widget]:
        for metric in self.charts.metrics:
            if metric.pane == place:
                yield from self._filled(metric.key)

    def _filled(self, name: str) -> Iterator[Widget]:
        with self.panes[name]:
            yield self._contents[name]

    def on_mount(self) -> None:
        if self.app.has_class("-ascii"):
            for chart in self.charts.charts.values():
                chart.plot.glyphs = ASCII_GLYPHS
            self.query_one(MetricStrip).glyphs = ASCII_GLYPHS.cells
        self._contents[self._first].focus()

    # Which panes are shown

    def fit(self, size: Size) -> None:
        """Lay the panes out for a screen of this size."""
        self.set_class(size.width < 100 or size.height < 30, "-compact")
        self._arrange()

    def _arrange(self) -> None:
        if len(self.query(Pane)) < len(self.names):
            return  # the screen is left while its panes are still being mounted
        compact = self.has_class("-compact")
        self.set_class(self._whole, "-zoomed")
        besides = {self._lower} if compact else set(self.names) - self._alone
        shown = {self._active} if self._whole else {self._first, *besides}
        for name, pane in self.panes.items():
            pane.display = name in shown
        for folder in ("#pair", "#left", "#right"):
            room = self.query_one(folder)
            room.display = any(pane.display for pane in room.query(Pane))

    def _turn_to(self, name: str) -> None:
        self._active = name
        if name != self._first:
            self._lower = name

    def _show(self, name: str) -> None:
        self._turn_to(name)
        self._arrange()
        self._contents[name].focus()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        for name, content in self._contents.items():
            if content is event.widget:
                self._turn_to(name)

    def on_click(self, event: Click) -> None:
        """A click on a pane, its title too, puts the focus into it; a second one zooms it."""
        above = event.widget.ancestors_with_self if event.widget else ()
        for name, pane in self.panes.items():
            if pane in above:
                self._show(name)
                if event.chain == 2:
                    self.zoom()

    async def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        await self._turn_wheel(event, "zoom_in")

    async def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        await self._turn_wheel(event, "zoom_out")

    async def _turn_wheel(self, event: MouseEvent, action: str) -> None:
        """The wheel over a chart shows fewer steps or more, on all charts."""
        if isinstance(event.widget, Chart):
            event.stop()
            await self.run_action(f"screen.perform('{action}')")

    def show_pane(self, number: int) -> None:
        """Show a pane, counted from 1, and put the focus into it."""
        self._show(self.names[number - 1])

    def turn(self, by: int) -> None:
        """The next pane, or with -1 the previous one."""
        self._show(self.names[(self.names.index(self._active) + by) % len(self.names)])

    def zoom(self) -> None:
        """Give the active pane all the room, or give it back."""
        self.zoomed = not self.zoomed
        self._show(self._active)

    def gather(self) -> bool:
        """Show the others beside a pane that has all the room; whether one had it."""
        had = self._whole
        self.zoomed = False
        if had:
            self._show(self._first if self._whole else self._active)
        return had

    @property
    def _whole(self) -> bool:
        """Whether the active pane has all the room: where it was given that, or has no place beside the others."""
        return self.zoomed or (self._active in self._alone and not self.has_class("-compact"))

    # What they show

    def draw(self, view: RunView) -> None:
        """Show the run as it is now, its log where it failed; only what changed is sent to the terminal."""
        failed, self._failed = self._failed, view.summary.state in ("failed", "crashed")
        if self._failed and not failed and self._active == self._first:
            self._lower = "log"
            self._arrange()
        self.charts.draw(view)
        for name in self.charts.charts:
            self._set_title(name, self.charts.value(name), self.charts.ways if name == self._first else "")
        self._draw_machine(view)
        self.draw_samples(view)
        self._draw_log(view)
        if self.has_class("-compact"):
            self._draw_strip()

    def draw_samples(self, view: RunView) -> None:
        book = self.samples.book
        anew, self._reloads = view.reloads != self._reloads, view.reloads
        fresh, empty = book.take(view.samples, anew=anew), _no_samples(view.summary.state)
        if fresh or self.samples.empty != empty:
            self.samples.empty = empty
            self.samples.redraw()
        self._set_title("samples", Content(book.title))

    def _draw_machine(self, view: RunView) -> None:
        engine = newest(view.life, EngineStarted)
        self.machine.engine = Identity.from_record(engine and engine.identity)
        self.machine.device = (newest(view.life, Slot) or Slot()).device
        self.machine.peak = view.summary.peak_memory_bytes
        self._set_title("machine", Content(""))

    def _draw_log(self, view: RunView) -> None:
        told = (view.reloads, len(view.events), len(view.checkpoints), len(view.alerts), len(view.done), view.resumed)
        if told != self._told:
            self._told = told
            self.log_view.events = event_texts(view)
        self.log_view.redraw()
        scrolled = "" if self.log_view.following else "scrolled · End follows"
        self._set_title("log", Content(scrolled))

    def _draw_strip(self) -> None:
        curves = self.charts.curves
        metrics = [
            (metric.short, self.charts.newest(metric.key).plain or "–", curves.recent(metric.key))
            for metric in self.charts.metrics
            if metric.pane not in ("first", "alone")
        ]
        self.query_one(MetricStrip).show_metrics(metrics, self.machine.line)

    def _set_title(self, name: str, right: Content, ways: Content | str = "") -> None:
        """The title with its number key, how it is drawn, and what stands at its right."""
        number = (f"{self._numbered.index(name) + 1} " if name in self._numbered else "", "$faint not bold")
        brief = METRICS[name].short if name in METRICS else ""
        self.panes[name].set_title(
            Content.assemble(number, _title(name), ways), right, Content.assemble(number, brief, ways) if brief else ""
        )


def _pane(name: str, *, first: bool) -> Pane:
    if metric := METRICS.get(name):
        return Pane(metric.title, id=metric.id, classes="-chart -first" if first else "-chart")
    return Pane(OTHERS[name], id=name)


def _title(name: str) -> str:
    return OTHERS[name] if name in OTHERS else METRICS[name].title


def _no_samples(state: str) -> str:
    if state in AT_REST:
        return "no samples"
    return "no samples yet" + (": G requests one" if state in FITS["sample"] else "")
