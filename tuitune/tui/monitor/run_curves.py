"""The curves of a run, grown from its records as they come: what the monitor's charts draw."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records import Record, number
from tuitune.tui.charts.pyramid import LIMIT, Pyramid
from tuitune.tui.charts.series import Line, Positions
from tuitune.tui.charts.smoothing import Smoothed

METRICS = ("loss", "learning_rate", "grad_norm", "tokens_per_second")
SMOOTHED = ("loss", "grad_norm", "tokens_per_second")
BREAKABLE = ("loss", "grad_norm")
"""The metrics whose missing figure means that it was not finite."""
WEIGHTS = (0.9, 0.98, 0.0, 0.6)
"""The smoothing weights that one key cycles through; 0 is none."""
SHORT = 1000
"""A run of at most so many steps is smoothed less at first: a curve that lags by ten steps would miss its course."""
CHUNK = 4_000
"""How many records are turned into points at a time: under 10 ms of work."""


@dataclass(eq=False)
class RunCurves:
    """Positions and values of a run's training and evaluation records, and the smoothed curves of the noisy ones."""

    weight: float = WEIGHTS[0]
    steps: Positions = field(default_factory=Positions)
    values: dict[str, Pyramid] = field(default_factory=lambda: {name: Pyramid() for name in METRICS})
    evaluations: Positions = field(default_factory=Positions)
    eval_loss: Pyramid = field(default_factory=Pyramid)
    best: int | None = None
    smoothed: dict[str, Smoothed] = field(default_factory=dict)
    _began: float | None = None

    def __post_init__(self) -> None:
        self.smooth(self.weight)

    def smooth(self, weight: float) -> None:
        """Smooth anew with `weight`; the curves follow at the next `catch_up`."""
        self.weight = weight
        self.smoothed = {name: Smoothed(self.values[name], weight) for name in SMOOTHED} if weight else {}

    def catch_up(self, view: RunView) -> bool:
        """Take what `view` has gained, at most `CHUNK` steps; True once nothing is left to do."""
        self._begin(view)
        began = self._began or 0.0
        records, done = view.steps, len(self.steps)
        upto = min(len(records), done + CHUNK)
        moments = [moment - began for moment in records.time[done:upto]]
        self.steps.extend(records.step[done:upto], records.tokens[done:upto], moments)
        for name, pyramid in self.values.items():
            pyramid.extend(getattr(records, name)[done:upto])
        for record in view.evaluations[len(self.evaluations) :]:
            self._evaluated(record, began)
        caught_up = [curve.catch_up() for curve in self.smoothed.values()]
        return all(caught_up) and upto == len(records)

    def _begin(self, view: RunView) -> None:
        if self._began is None:
            moments = [record["time"] for record in view.evaluations[:1] if record["time"] is not None]
            moments += [moment for moment in view.steps.time[:1] if moment == moment]
            self._began = min(moments, default=None)

    def _evaluated(self, record: Record, began: float) -> None:
        moment = number(record, "time")
        passed = 0.0 if moment is None else moment - began
        self.evaluations.append(number(record, "step") or 0.0, number(record, "trained_tokens") or 0.0, passed)
        self.eval_loss.append(number(record, "loss"))
        newest = self.eval_loss.values[-1]
        if newest == newest and (self.best is None or newest < self.eval_loss.values[self.best]):
            self.best = len(self.eval_loss) - 1

    @property
    def rising(self) -> bool:
        """Whether the last two evaluations each had a higher loss than the one before."""
        newest = self.eval_loss.values[-3:]
        return len(newest) == 3 and newest[0] < newest[1] < newest[2]

    def extent(self, axis: str) -> tuple[float, float] | None:
        """Where the curves begin and end on an axis; None before there is a point. A run from its start begins at 0."""
        columns = [positions.by(axis) for positions in (self.steps, self.evaluations) if len(positions)]
        if not columns:
            return None
        first, newest = min(column[0] for column in columns), max(column[-1] for column in columns)
        return (min(first, 0.0) if first <= newest / 5 else first), newest

    def lines(self, metric: str) -> list[Line]:
        """The lines of one chart, back to front; the loss has the evaluations with it."""
        raw, smooth = self.values[metric], self.smoothed.get(metric)
        evaluated = metric == "loss" and len(self.eval_loss) > 0
        name, letter = ("train", "a") if evaluated else ("", "")
        evaluations = Line(self.evaluations, self.eval_loss, 2, "eval", "b", points=True, best=self.best)
        front = Line(self.steps, raw if smooth is None else smooth.series, 1, name, letter)
        ghost = [Line(self.steps, raw, 1, ghost=True)] if smooth is not None else []
        return [*ghost, *([evaluations] if evaluated else []), front]

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
