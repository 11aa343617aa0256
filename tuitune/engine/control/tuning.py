"""The recipe as it stands while it is carried out: changed on request, and changed again after a resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuitune.engine.control.learning_rate import set_peak
from tuitune.engine.evaluation.samples import Sampler
from tuitune.engine.journal.report import Report
from tuitune.recipe.check import RecipeError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.tunable import tune
from tuitune.runs.store.journal import Record

RATE = "training.learning_rate"


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
        for record in self._ahead:
            record["changes"] = {key: value for key, value in record["changes"].items() if key not in changes}
        self._ahead = [record for record in self._ahead if record["changes"]]

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
