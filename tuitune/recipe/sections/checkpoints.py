"""The [checkpoints] table: how often a checkpoint is saved, and how many stay."""

from __future__ import annotations

from tuitune.recipe.declaration import Cadence, Entails, Section, setting


class CheckpointsSection(Section):
    """Checkpoints"""

    every: Cadence = setting(
        "epoch",
        "checkpoint every",
        "How often a checkpoint is saved: a number of steps, epoch or end.",
        Entails("nothing", change="while it trains"),
        also=("save_steps",),
    )
    keep: int = setting(
        2,
        "keep",
        "How many of the newest healthy checkpoints to keep; the one with the lowest held-out loss stays too.",
        Entails("nothing"),
        also=("save_total_limit",),
        ge=1,
        le=1000,
    )
