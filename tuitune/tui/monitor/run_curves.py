"""The curves of a run, grown from its records as they come: what the monitor's charts draw."""

from __future__ import annotations

from collections.abc import Sequence

from tuitune.metrics import Metric
from tuitune.objectives import METRICS
from tuitune.runs.read.history import PlacedEvaluation
from tuitune.runs.read.summary import RunView
from tuitune.tui.charts.pyramid import LIMIT, Pyramid
from tuitune.tui.charts.series import Positions, Series, SmoothedSeries

WEIGHTS = (0.9, 0.98, 0.0, 0.6)
"""The smoothing weights that one key cycles through; 0 is none."""
SHORT = 1000
"""A run of at most so many steps is smoothed less at first: a curve that lags by ten steps would miss its course."""
CHUNK = 4_000
"""How many records are turned into points at a time: under 10 ms of work."""


class HeldOut:
    """What evaluations measured of a metric; `best` is the place of the best value."""

    def __init__(self, metric: Metric) -> None:
        self.values = Pyramid()
        self.best: int | None = None
        self.metric = metric

    def append(self, value: float | None) -> None:
        self.values.append(value)
        newest = self.values.values[-1]
        if newest == newest and (self.best is None or self.metric.beats(newest, self.values.values[self.best])):
            self.best = len(self.values) - 1

    @property
    def worsening(self) -> bool:
        """Whether the last two evaluations were each worse than the one before."""
        newest, beats = self.values.values[-3:], self.metric.beats
        return len(newest) == 3 and beats(newest[0], newest[1]) and beats(newest[1], newest[2])


class RunCurves:
    """Positions and values of a run's training and evaluation records, and the smoothed curves of the noisy ones."""

    def __init__(self, metrics: Sequence[Metric], weight: float = WEIGHTS[0]) -> None:
        self.steps, self.evaluations = Positions(), Positions()
        self.values = {metric.key: Pyramid() for metric in metrics}
        self.held_out = {metric.key: HeldOut(metric) for metric in metrics if metric.held_out}
        self._began: float | None = None
        self.smooth(weight)

    def smooth(self, weight: float) -> None:
        """Smooth anew with `weight`; the curves follow at the next `catch_up`."""
        self.weight = weight
        noisy = [key for key in self.values if weight and METRICS[key].smoothed]
        self.smoothed = {key: SmoothedSeries(self.values[key], weight) for key in noisy}

    def catch_up(self, view: RunView) -> bool:
        """Take what `view` has gained, at most `CHUNK` steps; True once nothing is left to do."""
        self._begin(view)
        began = self._began or 0.0
        records, done = view.steps, len(self.steps)
        upto = min(len(records), done + CHUNK)
        moments = [moment - began for moment in records["time"][done:upto]]
        self.steps.extend(records["step"][done:upto], records["tokens"][done:upto], moments)
        for key, pyramid in self.values.items():
            pyramid.extend(records[key][done:upto])
        for evaluation in view.evaluations[len(self.evaluations) :]:
            self._evaluated(evaluation, began)
        caught_up = [curve.catch_up() for curve in self.smoothed.values()]
        return all(caught_up) and upto == len(records)

    def _begin(self, view: RunView) -> None:
        if self._began is None:
            moments = [one.time for one in view.evaluations[:1] if one.time is not None]
            moments += [moment for moment in view.steps["time"][:1] if moment == moment]
            self._began = min(moments, default=None)

    def _evaluated(self, evaluation: PlacedEvaluation, began: float) -> None:
        passed = 0.0 if evaluation.time is None else evaluation.time - began
        self.evaluations.append(evaluation.step or 0.0, evaluation.trained_tokens or 0.0, passed)
        for key, measured in self.held_out.items():
            measured.append(evaluation.figure(key))

    def extent(self, axis: str) -> tuple[float, float] | None:
        """Where the curves begin and end on an axis; None before there is a point. A run from its start begins at 0."""
        columns = [positions.by(axis) for positions in (self.steps, self.evaluations) if len(positions)]
        if not columns:
            return None
        first, newest = min(column[0] for column in columns), max(column[-1] for column in columns)
        return (min(first, 0.0) if first <= newest / 5 else first), newest

    def lines(self, metric: str) -> list[Series]:
        """The lines of one chart, back to front; with the evaluations, where they measure the same."""
        raw, smooth = self.values[metric], self.smoothed.get(metric)
        measured = self.held_out.get(metric) if len(self.evaluations) else None
        name, letter = ("train", "a") if measured else ("", "")
        front = Series(self.steps, raw if smooth is None else smooth.series, 1, name, letter)
        lines = [Series(self.steps, raw, 1, ghost=True)] if smooth is not None else []
        if measured:
            lines.append(Series(self.evaluations, measured.values, 2, "eval", "b", points=True, best=measured.best))
        return [*lines, front]

    def last(self, metric: str) -> float | None:
        """The newest value of a metric; None where there is none or it was not finite."""
        values = self.values[metric].values
        return values[-1] if values and -LIMIT < values[-1] < LIMIT else None

    def broke_off(self, metric: str) -> bool:
        """Whether the newest value of a metric is missing that was there before."""
        values = self.values[metric]
        return 0 < values.gaps < len(values) and self.last(metric) is None

    def recent(self, metric: str, count: int = 240) -> list[float]:
        """The newest values, for a spark."""
        return list(self.values[metric].values[-count:])
