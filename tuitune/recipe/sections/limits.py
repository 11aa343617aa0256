"""The [limits] table: what ends training early."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

from tuitune.recipe.declaration import Needs, Section, rule, setting
from tuitune.recipe.values import shown


class LimitsSection(Section):
    """Limits"""

    nonfinite: Literal["stop", "warn"] = setting("stop", "on NaN", affects="nothing", change="while it trains")
    """If the loss or gradient is not finite: stop, as the weights are ruined from then on, or only warn."""
    hours: float | None = setting(
        None, "training time", affects="nothing", change="while it trains", unit="hours", gt=0, le=1e5
    )
    """Stop and save after this much training; empty for no limit."""
    until: str = setting(
        "",
        "stop at",
        affects="nothing",
        change="while it trains",
        expected="a date and time such as 2026-12-24T08:00, or nothing",
        advanced=True,
    )
    """Stop and save at this date and time, by this machine's clock; empty for none."""
    loss: float | None = setting(None, "target loss", affects="nothing", change="while it trains", gt=0, le=1000)
    """Stop and save once the smoothed training loss is this low; empty for none."""
    cost: float | None = setting(None, "budget", affects="nothing", change="while it trains", gt=0, le=1e9)
    """Stop and save once this much is spent; needs the price per hour."""
    price_per_hour: float | None = setting(
        None, "price per hour", affects="nothing", change="while it trains", needs=Needs("limits.cost"), gt=0, le=1e6
    )
    """What an hour of this machine costs, in the currency of the budget."""

    @property
    def ends_at(self) -> float:
        """The moment of `until`, seconds since the epoch; infinity where there is none that a clock has."""
        try:
            return datetime.fromisoformat(self.until).timestamp() if self.until else math.inf
        except (ValueError, OverflowError, OSError):
            return math.inf

    @rule("cost", "price_per_hour")
    def _budget(self) -> str | None:
        if self.cost is not None and self.price_per_hour is None:
            return "the price per hour is missing; set limits.price_per_hour, or leave the budget empty"
        return None

    @rule("until")
    def _until(self) -> str | None:
        if not self.until or self.ends_at < math.inf:
            return None
        return f"{shown(self.until)} is not a date and time; write one such as 2026-12-24T08:00, or leave it empty"
