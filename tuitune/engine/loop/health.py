"""Is the run well? Every record of training is looked at: what is wrong becomes an alert, or the end of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from tuitune.engine.journal.report import Report
from tuitune.engine.loop.health_alerts import HealthAlerts, SeenFigures, not_finite
from tuitune.engine.loop.step_window import Figures
from tuitune.engine.process.failures import NotFiniteError
from tuitune.recipe.schema import Recipe

_INSTEAD_OF_FP16 = 'set training.precision = "bf16" (cards from Ampere on) or "fp32"'


class Health:
    """`finite` says whether loss and gradient of the last record were finite numbers, `alerts` see the others.
    `descends`: the loss falls as the model learns.

    The gradient scaler of fp16 skips steps whose gradients are not finite. It lowers its scale each time, which tells
    them: fused optimizers are called all the same and skip by themselves. From 65 536 it halves, so after sixteen in a
    row no scale is left to find, and the model overflows by itself.
    """

    SKIPPED_WARN, SKIPPED_LOST = 10, 20

    def __init__(self, report: Report, *, descends: bool = True) -> None:
        self.finite = True
        self.alerts = HealthAlerts(descends=descends)
        self._skipped = 0
        self._scale = math.inf
        self._report = report

    def look(self, figures: Figures, gradient: float | None, rate: float, recipe: Recipe, *, scaled: bool) -> None:
        """Raise alerts at what the record just written shows; NotFiniteError where training is to end for that.

        `rate` is the learning rate. `scaled`: a gradient scaler skips the steps whose gradients are not finite.
        """
        step = self._report.step
        if (what := not_finite(figures.loss, gradient, scaled=scaled)) is not None:
            where = f"at step {step:,}" if figures.steps == 1 else f"in the {figures.steps:,} steps to {step:,}"
            instead = f"; if that does not help, {_INSTEAD_OF_FP16}" if scaled else ""
            found = f"the {what} was not a finite number {where}"
            self._lost(found, f"lower training.learning_rate{instead}", recipe.limits.nonfinite)
            return
        self.finite = True
        share = rate / recipe.training.learning_rate
        seen = SeenFigures(step, figures.steps, figures.loss, share, figures.seconds, figures.waited)
        for alert in self.alerts.look(seen):
            self._report.alert(alert.id, alert.level, alert.message)

    def evaluated(self, loss: float) -> None:
        """Raise an alert where a held-out loss, just measured, shows that the model overfits."""
        if (alert := self.alerts.evaluated(self._report.step, loss)) is not None:
            self._report.alert(alert.id, alert.level, alert.message)

    def begin_scaled(self, scale: float) -> None:
        """Training under a gradient scaler begins, or goes on, at this scale."""
        self._scale = scale

    def scaled_step(self, scale: float, recipe: Recipe, *, last: bool) -> None:
        """See whether a step was skipped; NotFiniteError where so many were that training is to end for that.

        `scale` is the scaler's after the step. `last`: it was the run's last, which cannot finish if all were skipped.
        """
        count = self._skipped = self._skipped + 1 if scale < self._scale or scale == 0 else 0
        self._scale = scale
        found = f"the last {count} steps were skipped: their gradients overflow float16"
        nothing = last and count > 0 and count == self._report.step
        if nothing or (count >= self.SKIPPED_LOST and recipe.limits.nonfinite == "stop"):
            self._end(f"training makes no progress: {found}", _INSTEAD_OF_FP16)
        if count == self.SKIPPED_WARN:
            self._report.alert("steps-skipped", "warning", f"{found}; {_INSTEAD_OF_FP16}")

    def state(self) -> dict[str, Any]:
        return {**self.alerts.state(), "skipped": {"in_a_row": self._skipped}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.alerts.restore(state)
        self._skipped = state.get("skipped", {}).get("in_a_row", 0)

    def _lost(self, found: str, remedy: str, policy: str) -> None:
        first, self.finite = self.finite, False
        if policy != "warn":
            self._end(f"training diverged: {found}", remedy)
        if first:
            self._report.alert("not-finite", "warning", f"{found}: {remedy}")

    def _end(self, found: str, remedy: str) -> NoReturn:
        saved = self._report.saved
        again = "start again" if saved is None else f"resume from the checkpoint of step {saved:,}"
        message = f"{found}. {remedy[0].upper()}{remedy[1:]} and {again}."
        self._report.alert("not-finite", "error", message)
        raise NotFiniteError(message)
