"""The charts of a run, that move together: one x axis, one window, one log switch, one smoothing, the same marks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from textual.content import Content

from tuitune.metrics import Metric
from tuitune.objectives import METRICS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.tui.charts.axis import AXES
from tuitune.tui.charts.chart import Chart
from tuitune.tui.charts.envelope import ChartWindow
from tuitune.tui.charts.frame import ALARM, EVENT, MARK
from tuitune.tui.charts.marks import Mark
from tuitune.tui.charts.plot import Plot
from tuitune.tui.charts.series import Positions
from tuitune.tui.charts.viewport import Viewport
from tuitune.tui.monitor.run_curves import SHORT, WEIGHTS, HeldOut, RunCurves

ZOOM = 0.5
PAN = 0.25

MOST = 200
"""How many marks of events are drawn, the newest ones."""

LETTERS = {
    "tuned": ("T", "tune"),
    "resumed": ("r", "resume"),
    "pause": ("P", "pause"),
    "stop": ("S", "stop"),
    "kill": ("K", "kill"),
    "retry": ("R", "retry"),
    "alert": ("!", "alert"),
    "checkpoint": ("C", ""),
    "evaluate": ("E", ""),
    "sample": ("G", ""),
}
"""Kind of mark → letter, that of the key that makes it happen, and the word where there is room for it."""

_MINOR = frozenset({"checkpoint", "evaluate", "sample"})
_ALARMING = frozenset({"retry", "alert", "kill"})


class RunCharts:
    """One `Chart` for each of `metrics`, fed from a `RunView`."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.charts = {one.key: Chart(Plot(), id=f"chart-{one.id}") for one in metrics}
        self.curves = RunCurves(metrics)
        self.viewport = Viewport()
        self.axis = AXES[0]
        self.log = False
        self.window: ChartWindow | None = None
        self.marks: list[dict[str, float]] = []
        self._drawn: tuple[object, ...] = ()
        self._anew: RunCurves | None = None
        self._reloads = 0
        self._weighed = False

    def take(self, view: RunView) -> bool:
        """Turn what `view` has gained into points, a bounded number; True once nothing is left to do.

        Where the run's records are void (it was resumed from an earlier step, a file was cut short) the curves are
        built anew, and the old ones shown until that is done.
        """
        total = view.summary.total_steps
        if not self._weighed and total is not None:
            self._weighed = True
            self.curves.smooth(WEIGHTS[-1] if total <= SHORT else WEIGHTS[0])
        if view.reloads != self._reloads:
            self._reloads = view.reloads
            self._anew = RunCurves(self.metrics, self.curves.weight)
        if self._anew is None:
            return self.curves.catch_up(view)
        if not self._anew.catch_up(view):
            return False
        self.curves, self._anew = self._anew, None
        return True

    def draw(self, view: RunView) -> None:
        """Draw the charts that can be seen, if anything in them changed."""
        curves, extent, self.window = self.curves, self.curves.extent(self.axis), None
        if extent is not None:
            end = view.summary.total_steps if self.axis == "step" else None
            ended = view.summary.state in AT_REST
            self.window = ChartWindow(self.axis, *self.viewport.window(*extent, end=end, final=ended))
        marks = [Mark(mark[self.axis], MARK) for mark in self.marks]
        marks += event_marks(view, curves.steps, self.axis)
        state = (
            self.window, self.log, curves, curves.weight, marks, len(curves.steps), len(curves.evaluations),
            view.summary.state,
            sum(len(smooth.series) for smooth in curves.smoothed.values()),
        )  # fmt: skip
        if state == self._drawn and not any(chart.plot.settling for chart in self.charts.values()):
            return
        self._drawn = state
        for name, chart in self.charts.items():
            chart.plot.lines, chart.plot.marks, chart.plot.log = curves.lines(name), marks, self.log
            chart.window, chart.empty = self.window, _empty(view)
            chart.draw()

    def zoom(self, factor: float) -> None:
        extent = self.curves.extent(self.axis)
        if extent is None or self.window is None:
            return
        steps = self.curves.steps.by("step")
        unit = 1.0 if self.axis == "step" else (extent[1] - extent[0]) / max(steps[-1] if steps else 1.0, 1.0)
        self.viewport.zoom(factor, (self.window.low, self.window.high), *extent, unit)

    def pan(self, share: float) -> None:
        extent = self.curves.extent(self.axis)
        if extent is not None and self.window is not None:
            self.viewport.pan(share, (self.window.low, self.window.high), *extent)

    def next_axis(self) -> None:
        """By step, then tokens, then time; the whole run is in view again."""
        self.axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        self.viewport.fit()

    def next_weight(self) -> None:
        """Smooth more, then not at all."""
        weight = WEIGHTS[(WEIGHTS.index(self.curves.weight) + 1) % len(WEIGHTS)]
        for curves in filter(None, (self.curves, self._anew)):
            curves.smooth(weight)

    def mark(self) -> None:
        """Put a vertical mark at the newest step, if there is one."""
        if len(self.curves.steps):
            self.marks.append({axis: self.curves.steps.by(axis)[-1] for axis in AXES})

    @property
    def ways(self) -> Content:
        """How the charts are drawn, where that is not the plainest way; for the title of the first."""
        ways = [f"by {self.axis}"] if self.axis != AXES[0] else []
        ways += ["log"] if self.log else []
        ways += [f"EMA {self.curves.weight:g}"] if self.curves.weight else []
        ways += [] if self.viewport.whole else ["zoomed" if self.viewport.following else "zoomed, not following"]
        return Content.styled("".join(f" · {way}" for way in ways), "$faint not bold")

    def value(self, metric: str) -> Content:
        """The newest value of a metric, for the right of its title; of both curves where evaluations measure it."""
        value, held_out = self.newest(metric), self.curves.held_out.get(metric)
        return value if held_out is None or not value else _beside(value, held_out)

    def newest(self, metric: str) -> Content:
        """The newest value of a metric in training."""
        declared, last, held_out = METRICS[metric], self.curves.last(metric), self.curves.held_out.get(metric)
        broken = declared.breaks and self.curves.broke_off(metric)
        if last is None and not broken:
            return Content("")
        colour = "bold $bad" if broken else "$foreground" if held_out is None else "$chart-1"
        return Content.styled("not a number" if broken else declared.shown(last), colour)


def _beside(train: Content, held_out: HeldOut) -> Content:
    """The value in training with those of the evaluations: the newest, and the best where that is another."""
    values, metric, best = held_out.values.values, held_out.metric, held_out.best
    if not values:
        return train
    newest = f"  b eval {metric.shown(values[-1])}"
    figures = Content.assemble(("a train ", "$chart-1"), train, (newest, "$chart-2"))
    if held_out.worsening:
        figures = Content.assemble(figures, (" falling" if metric.better == "higher" else " rising", "bold $warn"))
    if best is not None and best != len(values) - 1:
        figures = Content.assemble(figures, (f"  ★ {metric.shown(values[best])}", "$chart-2"))
    return figures


def _empty(view: RunView) -> str:
    """Why a chart shows nothing."""
    if not len(view.steps):
        return "no steps were recorded" if view.summary.state in AT_REST else "no steps yet"
    return "no figures in view"


def event_marks(view: RunView, positions: Positions, axis: str) -> list[Mark]:
    """The marks of a run on an axis along which its steps stand at `positions`."""
    marks = []
    for mark in view.marks[-MOST:]:
        if mark.kind in LETTERS:
            letter, word = LETTERS[mark.kind]
            ink = ALARM if mark.kind in _ALARMING else EVENT
            marks.append(Mark(_place(mark.step, positions, axis), ink, letter, word, mark.kind in _MINOR))
    return marks


def _place(step: float, positions: Positions, axis: str) -> float:
    """Where a step stands on an axis; one after the newest record, at the newest."""
    steps = positions.by("step")
    if axis == "step" or not steps:
        return step
    return positions.by(axis)[min(bisect_left(steps, step), len(steps) - 1)]
