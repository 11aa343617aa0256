"""Is the run well? Every record of training is looked at: what is wrong becomes an alert, or the end of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.engine.failures import NotFiniteError
from tuitune.engine.report import Report
from tuitune.engine.watchdog import Seen, Watchdog, not_finite
from tuitune.engine.window import Figures
from tuitune.recipe.schema import Recipe


class Checkups:
    """`finite` says whether loss and gradient of the last record were finite numbers, `watchdog` sees the others."""

    def __init__(self, report: Report) -> None:
        self.finite = True
        self.watchdog = Watchdog()
        self._report = report

    def look(self, figures: Figures, gradient: float | None, rate: float, recipe: Recipe, *, scaled: bool) -> None:
        """Raise alerts at what the record just written shows; NotFiniteError where training is to end for that.

        `rate` is the learning rate. `scaled`: a gradient scaler skips the steps whose gradients are not finite.
        """
        step = self._report.step
        if (what := not_finite(figures.loss, gradient, scaled=scaled)) is not None:
            where = f"at step {step}" if figures.steps == 1 else f"in the {figures.steps} steps to {step}"
            self._lost(f"the {what} was not a finite number {where}", recipe.limits.nonfinite)
            return
        self.finite = True
        share = rate / recipe.training.learning_rate
        seen = Seen(step, figures.steps, figures.loss, share, figures.seconds, figures.waited)
        for alert in self.watchdog.look(seen):
            self._report.alert(alert.id, alert.level, alert.message)

    def state(self) -> dict[str, Any]:
        return self.watchdog.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self.watchdog.restore(state)

    def _lost(self, found: str, policy: str) -> None:
        first, self.finite = self.finite, False
        if policy == "warn":
            if first:
                self._report.alert("not-finite", "warning", f"{found}: lower training.learning_rate")
            return
        saved = self._report.saved
        again = "start again" if saved is None else f"resume from the checkpoint of step {saved}"
        message = f"training diverged: {found}. Lower training.learning_rate and {again}."
        self._report.alert("not-finite", "error", message)
        raise NotFiniteError(message)
