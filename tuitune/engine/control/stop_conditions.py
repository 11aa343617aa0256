"""When a run ends: at its last step or a limit, where it learns no more, or because somebody stops or pauses it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tuitune.engine.control.requests import Requests
from tuitune.engine.journal.report import Report
from tuitune.engine.process.stop import StopSwitch
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.limits import LimitsSection
from tuitune.units import counted, duration_text, number_text

Outcome = Literal["finished", "stopped", "paused"]


@dataclass
class EarlyStopping:
    """The lowest held-out loss, the step it was measured at, and the scheduled evaluations `without` a lower one."""

    lowest: float | None = None
    step: int = 0
    without: int = 0

    def measured(self, step: int, loss: float, *, scheduled: bool) -> bool:
        """Whether this is the lowest so far. One that was merely asked for uses up no patience."""
        if math.isfinite(loss) and (self.lowest is None or loss < self.lowest):
            self.lowest, self.step, self.without = loss, step, 0
            return True
        self.without += scheduled
        return False

    def exhausted(self, patience: int | None, best_checkpoint: int | None) -> str | None:
        """Why to stop now, in words; None as long as there is patience left, or where the recipe has none.

        `best_checkpoint` is the step of the checkpoint with the lowest held-out loss.
        """
        if patience is None or self.without < patience:
            return None
        words = f"no lower held-out loss for {counted(self.without, 'evaluation')}"
        if self.lowest is None:
            return words
        kept = " and its checkpoint is kept" if best_checkpoint == self.step else ""
        return f"{words}; the lowest, {number_text(self.lowest)}, was at step {self.step:,}{kept}"


@dataclass(frozen=True)
class Reached:
    """A limit that was reached, in words. `hurried`: it is one of time or money, so nothing more is to be measured."""

    reason: str
    hurried: bool


def reached(limits: LimitsSection, *, seconds: float, loss: float | None, now: datetime) -> Reached | None:
    """The first limit reached after `seconds` of training with the smoothed `loss`; None where there is none."""
    hours = seconds / 3600
    if limits.hours is not None and hours >= limits.hours:
        return Reached(f"limits.hours = {limits.hours:g} reached after {duration_text(seconds)}", True)
    if limits.cost is not None and limits.price_per_hour is not None and hours * limits.price_per_hour >= limits.cost:
        spent = hours * limits.price_per_hour
        return Reached(f"limits.cost = {limits.cost:g} reached, {spent:.2f} spent", True)
    if now.timestamp() >= limits.ends_at:
        return Reached(f"limits.until = {limits.until} reached", True)
    if limits.loss is not None and loss is not None and loss <= limits.loss:
        return Reached(f"limits.loss = {limits.loss:g} reached, smoothed loss {number_text(loss)}", False)
    return None


class StopConditions:
    """Listens for wishes to end and watches the limits; the reason goes to the report's end record."""

    def __init__(self, report: Report, stop: StopSwitch, requests: Requests) -> None:
        self._report = report
        self._stop = stop
        self._requests = requests
        self._limited = False
        self._hurried = False

    def wanted(self) -> bool:
        """Whether somebody wants the run to end by now."""
        signalled = self._stop.requested  # looked at first: who pauses a run tells it before sending the signal
        self._requests.receive()
        return signalled or self._requests.ending is not None

    def out_of_bounds(self, recipe: Recipe, seconds: float, loss: float | None) -> bool:
        """Whether a limit of the recipe is reached, after `seconds` of training and with the smoothed `loss`."""
        found = reached(recipe.limits, seconds=seconds, loss=loss, now=datetime.now().astimezone())
        if found is None:
            return False
        self._hurried = found.hurried
        self.limit("limit", found.reason, recipe)
        return True

    def limit(self, id: str, reason: str, recipe: Recipe) -> None:
        """The run ends of its own accord, before its last step."""
        self._limited = True
        message = f"{reason}: stopped after step {self._report.step:,}; the {recipe.method.result.folder} is saved"
        self._report.alert(id, "info", message)
        self._report.because(message, "limit")

    def outcome(self, recipe: Recipe, skipped: str, *, complete: bool) -> Outcome:
        """What came of training; a run that was asked to stop has not finished, even if that came at the very end.

        `skipped` is why the last checkpoint could not be saved, "" where it could.
        """
        if self.wanted():
            paused, step = self._requests.ending == "pause", self._report.step
            stopped = f"stopped on request after step {step:,}; the {recipe.method.result.folder} is saved"
            if self._report.why is None:
                self._report.because(self._paused(skipped) if paused else stopped)
            return "paused" if paused else "stopped"
        return "finished" if complete and not self._limited else "stopped"

    @property
    def measures(self) -> bool:
        """Whether there is time to measure the result: not where somebody waits, or time or money is gone."""
        return not (self.wanted() or self._hurried)

    def _paused(self, skipped: str) -> str:
        step, saved = self._report.step, self._report.saved
        if saved == step:
            return f"paused after step {step:,}; its checkpoint is kept"
        kept = "nothing" if saved is None else f"the checkpoint of step {saved:,}"
        return f"paused after step {step:,}, which could not be saved ({skipped.rstrip('.')}); {kept} is kept"
