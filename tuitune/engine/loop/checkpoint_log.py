"""What became of the checkpoints: recorded, alerted where they could not be saved, and which of them is the best."""

from __future__ import annotations

import math
from pathlib import Path

from tuitune.engine.journal.report import Report


class CheckpointLog:
    """`best` is the step and the held-out loss of the best checkpoint, of those whose step was evaluated.

    `skipped` is why the last checkpoint could not be saved, "" where it could.
    """

    def __init__(self, report: Report) -> None:
        self.best: tuple[int, float] | None = None
        self.skipped = ""
        self._report = report
        self._evaluated: tuple[int, float] | None = None
        self._unhealthy = False

    def evaluated(self, step: int, loss: float) -> None:
        self._evaluated = (step, loss)

    def best_with_this(self) -> tuple[int, float] | None:
        """`best` as it is once the current step is saved."""
        this = self._evaluated if self._evaluated is not None and self._evaluated[0] == self._report.step else None
        known = [found for found in (self.best, this) if found is not None and math.isfinite(found[1])]
        return min(known, key=lambda found: found[1], default=None)

    def saved(self, checkpoint: Path, seconds: float, healthy: bool) -> None:
        """The checkpoint of the current step is on disk."""
        if self._report.saved == self._report.step:
            return
        size = sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
        self._report.checkpoint(checkpoint, size, seconds, healthy)
        self.skipped = ""
        if healthy:
            self.best = self.best_with_this()
        elif not self._unhealthy:
            text = (
                f"the checkpoint of step {self._report.step:,} holds numbers that are not finite; the last healthy one "
                "is kept. Stop the run, and resume it with a lower training.learning_rate."
            )
            self._report.alert("unhealthy-checkpoint", "warning", text)
        self._unhealthy = not healthy

    def not_saved(self, reason: str) -> None:
        """The checkpoint of the current step could not be saved; one alert as long as that lasts."""
        if not self.skipped:
            text = f"the checkpoint of step {self._report.step:,} could not be saved: {reason.rstrip('.')}"
            self._report.alert("checkpoint-skipped", "warning", f"{text}. Training continues; free disk space.")
        self.skipped = reason
