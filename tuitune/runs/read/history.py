"""What a run has recorded so far, as one story: a life that goes on from a checkpoint takes the place of what the
former one recorded after it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, groupby
from typing import Any

from tuitune.metrics import Metric
from tuitune.objectives import METRICS
from tuitune.runs.read.marks import Marks, RunMark
from tuitune.runs.read.state import PROGRESS
from tuitune.runs.store.records import Record, column, metric_line, training, whole
from tuitune.runs.store.records.line import Line, Number
from tuitune.runs.store.records.samples import Sample, Superseded

MEMORY = {part: f"{part}_memory_bytes" for part in ("peak", "reserved", "context")}
"""The most bytes that a run's tensors took, and on a GPU what its allocator reserved and what CUDA itself took."""


_PLACES = ("step", "epoch", "tokens", "time", "step_seconds")
"""Where a record stands, beside its metrics: trained tokens since the start, seconds since the epoch."""

Change = tuple[float | None, float | None]
"""A figure of the base model, and of the model in training when it was last measured."""


class StepColumns:
    """The training records as columns of equal length; NaN where a figure was missing, odd or not finite.

    `steps[key]` is a column: of a metric, or step, epoch, tokens, time, step_seconds.
    """

    def __init__(self) -> None:
        self._columns = {key: array("d") for key in (*_PLACES, *METRICS)}

    def __len__(self) -> int:
        return len(self._columns["step"])

    def __getitem__(self, key: str) -> array[float]:
        return self._columns[key]

    def extend(self, records: Sequence[Record]) -> None:
        for key, figures in self._columns.items():
            figures.fromlist(column(records, key))

    def cut(self, step: float) -> bool:
        """Drop the records after `step`, which are the last ones; whether there were any."""
        kept, steps = len(self), self["step"]
        while kept and not steps[kept - 1] <= step:
            kept -= 1
        dropped = len(self) - kept
        if dropped:
            for figures in self._columns.values():
                del figures[kept:]
        return dropped > 0


class PlacedEvaluation(training.Evaluation):
    """An evaluation with its place on an axis of tokens."""

    trained_tokens: Number = 0.0


class History:
    """The records of a run, taken in the order in which they were written.

    phase, plan, artefact, resumed and end are the last records of their kind (None before there is one, and `end` once
    a later life has begun); evaluations, answers, checkpoints, alerts, samples, tuned (the changes made while it
    trained) and done (the engine's answers to requests) are lists. An evaluation also has `trained_tokens`, its place
    on an axis of tokens. A `resumed` record with a step removes what was recorded after that step, but not what was
    tuned or done. Evaluations and answers on one basis compare: those of another held-out set or base model are removed
    by the first that is on a new one. `rewinds` counts the times that something was removed.
    """

    def __init__(self) -> None:
        self.rewinds = 0
        self.steps = StepColumns()
        self.phase: training.Phase | None = None
        self.plan: training.Plan | None = None
        self.artefact: training.Artefact | None = None
        self.resumed: training.Resumed | None = None
        self.end: training.End | None = None
        self.evaluations: list[PlacedEvaluation] = []
        self.answers: list[training.Answered] = []
        self.checkpoints: list[training.Saved] = []
        self.alerts: list[training.Alert] = []
        self.samples: list[Sample] = []
        self.tuned: list[training.Tuned] = []
        self.done: list[training.Done] = []
        self.memory: dict[str, float] = dict.fromkeys(MEMORY, 0)
        self.progress = 0
        self._marks = Marks()

    @property
    def perplexities(self) -> Change:
        """Held-out perplexity of the base model, and of the model in training when it was last measured."""
        return self._change("perplexity")

    @property
    def held_out_changes(self) -> list[tuple[Metric, Change]]:
        """The same of the metrics beside the loss that were measured on held-out rows."""
        keys = self.evaluations[-1].extra if self.evaluations else ()
        measured = [metric for metric in METRICS.values() if metric.held_out and metric.key in keys]
        changes = [(metric, self._change(metric.key)) for metric in measured]
        return [(metric, change) for metric, change in changes if change != (None, None)]

    def _change(self, key: str) -> Change:
        base = [one.figure(key) for one in self.evaluations if one.label == "base"]
        later = [one.figure(key) for one in self.evaluations if one.label != "base"]
        return (base or [None])[-1], (later or [None])[-1]

    @property
    def marks(self) -> list[RunMark]:
        """What happened to the run, by step: tuned, resumed, pause, stop, kill, retry, alert, or the verb done."""
        return self._marks.by_step()

    def take_all(self, records: Sequence[Record]) -> None:
        """Records of metrics.jsonl."""
        shown = (whole(record, "seq") for record in reversed(records) if record.get("kind") in PROGRESS)
        self.progress = next((seq for seq in shown if seq is not None), self.progress)
        for steps, alike in groupby(records, key=lambda record: record.get("kind") == training.Step.kind):
            if steps:
                self._take_steps(list(alike))
            else:
                for record in alike:
                    self.take(metric_line(record))

    def _take_steps(self, records: Sequence[Record]) -> None:
        self.steps.extend(records)
        for part, key in MEMORY.items():
            self.memory[part] = max(chain([self.memory[part]], column(records, key)))

    def take(self, line: Line) -> None:
        """A record of metrics.jsonl that is not a step."""
        match line:
            case training.Phase():
                self.phase = line
            case training.Plan():
                self.plan = line
            case training.Evaluation():
                self._evaluated(line)
            case training.Answered():
                self._drop_incomparable(self.answers, line)
                self.answers.append(line)
            case training.Saved():
                self.checkpoints.append(line)
            case training.Alert():
                self.alerts.append(line)
            case training.Tuned() if line.changes:
                self.tuned.append(line)
            case training.Done():
                self.done.append(line)
            case training.Artefact():
                self.artefact = line
            case training.Resumed():
                self._resume(line)
            case training.End():
                self.end = line
        self._marks.take(line)

    def take_sample(self, record: Record) -> None:
        """A record of samples.jsonl."""
        if record.get("kind") == Superseded.kind:
            self.rewinds += _drop_after([self.samples], Superseded.read(record).step)
        else:
            self.samples.append(Sample.read(record))

    def _evaluated(self, line: training.Evaluation) -> None:
        trained = len(self.steps) and line.step != 0
        self._drop_incomparable(self.evaluations, line)
        tokens = self.steps["tokens"][-1] if trained else 0.0
        self.evaluations.append(PlacedEvaluation(**vars(line), trained_tokens=tokens))

    def _drop_incomparable(self, former: list[Any], newest: training.Evaluation | training.Answered) -> None:
        if former and former[-1].basis != newest.basis:
            former.clear()
            self.rewinds += 1

    def _resume(self, line: training.Resumed) -> None:
        self.resumed, self.end = line, None
        if line.step is not None:
            cut = self.steps.cut(line.step)
            dropped = _drop_after([self.evaluations, self.answers, self.checkpoints, self.alerts], line.step)
            self.rewinds += cut or dropped


def _drop_after(lists: Sequence[list[Any]], step: float | None) -> bool:
    """Remove the records of a later step; whether there were any."""
    dropped = False
    for lines in lists:
        kept = [line for line in lines if step is None or (line.step or 0) <= step]
        dropped = dropped or len(kept) < len(lines)
        lines[:] = kept
    return dropped
