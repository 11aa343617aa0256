"""Early stopping: how many evaluations in a row brought no lower held-out loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuitune.units import number_text


@dataclass
class EarlyStopping:
    """The lowest held-out loss, the step it was measured at, and the scheduled evaluations without a lower one."""

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
        many = "evaluation" if self.without == 1 else "evaluations"
        words = f"no lower held-out loss for {self.without} {many}"
        if self.lowest is None:
            return words
        kept = " and its checkpoint is kept" if best_checkpoint == self.step else ""
        return f"{words}; the lowest, {number_text(self.lowest)}, was at step {self.step}{kept}"
