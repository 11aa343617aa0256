"""Optimizer steps of a run, counted as transformers' Trainer does (`Trainer.set_initial_training_values`), and rows.

The one place of these formulas: data is mixed and split by them, the engine trains by them, and what is shown before a
run starts is computed by them from as much as is known then (`tuitune.planning.forecast.expected_steps`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.data import DataSection
from tuitune.recipe.sections.training import TrainingSection


def steps_per_epoch(rows: int, recipe: Recipe) -> int:
    """Optimizer steps in a pass over `rows` rows of a batch: packed ones, where rows are packed.

    Of prompts that are asked as many go into a step as its answers allow, and those left over are not asked: trl's
    `RepeatSampler`.
    """
    training = recipe.training
    if recipe.optimises.generates:
        return max(1, rows // max(1, recipe.prompts)) * recipe.objective.iterations
    return max(1, math.ceil(math.ceil(rows / training.batch_size) / training.accumulation))


def too_few_prompts(recipe: Recipe, rows: int) -> str | None:
    """Why no step can be made of so many prompts, with the way out; None where one can."""
    if not recipe.optimises.generates or rows >= recipe.prompts:
        return None
    return (
        f"a step asks {recipe.prompts:,} prompts (batch size × accumulation / answers a prompt), and only {rows:,} are "
        f"to be trained on; lower it, or raise objective.generations"
    )


def total_steps(per_epoch: int, training: TrainingSection) -> int:
    """Steps of a whole run, of which a pass over the data has `per_epoch`."""
    return training.max_steps or math.ceil(training.epochs * per_epoch)


def warm_up_steps(total: int, training: TrainingSection) -> int:
    """Of a run's steps, those in which the rate climbs from 0: as transformers counts them, but never all of them."""
    return min(math.ceil(total * training.warmup_ratio), total - 1)


def training_rows(counted: int, data: DataSection) -> int:
    """Rows to train on where `counted` are usable: after the limit, with those mixed in, without the held-out share."""
    main = min(counted, data.limit or counted)
    rows = main + sum(mixed_rows(main, share, data.mix) for share in data.mix.values())
    return rows - held_out_rows(rows, data.eval) if isinstance(data.eval, float) else rows


def mixed_rows(main: int, share: float, shares: Mapping[str, float]) -> int:
    """Rows that make up one `share` of the whole, where all `shares` are mixed into `main` rows."""
    return round(main * share / (1 - sum(shares.values())))


def held_out_rows(rows: int, share: float) -> int:
    """Rows that a share of them comes to: at least one on either side, where there are two."""
    return min(max(1, round(rows * share)), rows - 1) if rows > 1 else 0
