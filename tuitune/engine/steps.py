"""Optimizer steps of a run, counted as the Trainer counts them."""

from __future__ import annotations

import math

from tuitune.recipe.schema import Recipe


def steps_per_epoch(rows: int, recipe: Recipe) -> int:
    """Optimizer steps in a pass over `rows` (packed) rows."""
    return math.ceil(math.ceil(rows / recipe.training.batch_size) / recipe.training.accumulation)


def total_steps(rows: int, recipe: Recipe) -> int:
    return recipe.training.max_steps or math.ceil(recipe.training.epochs * steps_per_epoch(rows, recipe))
