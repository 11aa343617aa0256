"""The recipe as it stands while it is carried out: changed on request, and changed again in the next life of a run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from tuitune.engine.evaluation.samples import Sampler
from tuitune.engine.journal.report import Report
from tuitune.recipe.check import RecipeError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.tunable import tune
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import backwards, read_all
from tuitune.runs.store.records import Record, event_line
from tuitune.runs.store.records.lifecycle import Amended, EngineStarted

RATE = "training.learning_rate"

MULTIPLE = "multiple"
"""By what an optimizer's group of weights multiplies that rate, where it does."""


class Tuning:
    """`recipe` with every change made so far. A change holds from the step after the one it is made at."""

    def __init__(self, recipe: Recipe, report: Report, sampler: Sampler) -> None:
        self.recipe = recipe
        self._report = report
        self._sampler = sampler
        self._ahead: list[Record] = []

    def replay(self, tunes: Sequence[Record], step: int) -> None:
        """Take up the changes of earlier lives: those up to `step` now, the others at theirs.

        What the recipe as it was amended since does not take is left out, with an alert.
        """
        self._ahead = [record for record in tunes if record["step"] > step]
        for record in tunes:
            if record["step"] <= step and self._fits(record):
                self._take(record["changes"])

    def begin(self, trainer: Any) -> None:
        """Have the trainer's first step use the rate that the recipe and the schedule say."""
        set_peak(trainer.optimizer, trainer.lr_scheduler, self.recipe.training.learning_rate)

    def catch_up(self, trainer: Any, step: int) -> None:
        """Make the changes again that an earlier life made at `step`."""
        for record in [record for record in self._ahead if record["step"] <= step]:
            self._ahead.remove(record)
            if self._fits(record):
                self._make(str(record["nonce"]), record["changes"], trainer)

    def change(self, nonce: str, changes: Mapping[str, Any], trainer: Any) -> None:
        """Make changes that were asked for now; RecipeError where they cannot be. They outdo those still ahead."""
        tune(self.recipe, changes)
        self._make(nonce, changes, trainer)
        ahead = [_without(record, changes) for record in self._ahead]
        self._ahead = [record for record in ahead if record["changes"]]

    def _fits(self, record: Record) -> bool:
        try:
            tune(self.recipe, record["changes"])
        except RecipeError as error:
            said = f"the change tuned at step {record['step']} is skipped, since the recipe has changed: {error}"
            self._report.alert("tune-dropped", "warning", said)
            return False
        return True

    def _make(self, nonce: str, changes: Mapping[str, Any], trainer: Any) -> None:
        self._report.tuned(nonce, changes)
        self._take(changes)
        if RATE in changes:
            self.begin(trainer)

    def _take(self, changes: Mapping[str, Any]) -> None:
        self.recipe = tune(self.recipe, changes)
        self._sampler.settings = self.recipe.samples


def set_peak(optimizer: Any, scheduler: Any, peak: float) -> None:
    """Have the very next step, and all later ones, use `peak` × the schedule's factor, and × the group's own multiple.

    Unchanged rates stay the same to the last bit. A schedule that is no function of the step keeps its state, scaled.
    """
    before = list(scheduler.base_lrs)
    scheduler.base_lrs = [peak * group.get(MULTIPLE, 1.0) for group in optimizer.param_groups]
    for index, (group, own) in enumerate(zip(optimizer.param_groups, scheduler.base_lrs, strict=True)):
        group["initial_lr"] = own
        if isinstance(scheduler, LambdaLR):
            group["lr"] = own * scheduler.lr_lambdas[index](scheduler.last_epoch)
        elif before[index] != own:
            group["lr"] = group["lr"] * own / before[index]
    scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]


def tunes(run: Run) -> list[Record]:
    """The `tuned` records that still hold, by step.

    What was recorded later counts: a change at the same step or an earlier one, or an amendment of the recipe between
    two lives, takes the place of a former change to the same key.
    """
    standing: list[Record] = []
    for record in reversed(list(backwards(run.metrics_file, "tuned"))):
        if record.get("kind") == "tuned" and _whole(record):
            later, changes = record["step"], record["changes"]
            standing = [_without(former, changes) if former["step"] >= later else former for former in standing]
            standing.append(record)
    for keys, before in _amendments(run):
        standing = [_without(former, keys) if former["seq"] <= before else former for former in standing]
    return sorted((record for record in standing if record["changes"]), key=lambda record: record["step"])


def _amendments(run: Run) -> Iterator[tuple[set[str], float]]:
    """The keys amended before an engine was started, with the number of the last metrics record before that engine.

    What no engine is known to follow yet was amended for this one: it comes after all records.
    """
    amended: set[str] = set()
    for event in map(event_line, read_all(run.events_file)):
        if isinstance(event, Amended):
            amended |= event.changed.keys()
        elif isinstance(event, EngineStarted) and amended:
            yield amended, math.inf if event.after is None else event.after
            amended = set()
    if amended:
        yield amended, math.inf


def _whole(record: Record) -> bool:
    return isinstance(record.get("changes"), dict) and all(type(record.get(name)) is int for name in ("step", "seq"))


def _without(record: Record, keys: Collection[Any]) -> Record:
    return {**record, "changes": {key: value for key, value in record["changes"].items() if key not in keys}}
