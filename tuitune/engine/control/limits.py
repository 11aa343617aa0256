"""The limits of a run: training time, a moment, a loss that is low enough, and money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tuitune.recipe.sections.limits import LimitsSection
from tuitune.units import duration_text, number_text


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
