"""The [checkpoints] table: how often a checkpoint is saved, and how many stay."""

from __future__ import annotations

from tuitune.recipe.declaration import Cadence, Section, setting


class CheckpointsSection(Section):
    """Checkpoints"""

    every: Cadence = setting(
        "epoch", "checkpoint every", affects="nothing", change="while it trains", also=("save_steps",)
    )
    """How often a checkpoint is saved: a number of steps, epoch or end."""
    keep: int = setting(2, "keep", affects="nothing", also=("save_total_limit",), ge=1, le=1000)
    """How many of the newest healthy checkpoints to keep; the one with the lowest held-out loss stays too."""
