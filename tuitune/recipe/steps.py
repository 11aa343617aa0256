"""Optimizer steps of a run, counted as transformers' Trainer does (`Trainer.set_initial_training_values`)."""

from __future__ import annotations

import math

from tuitune.recipe.sections.data import DataSection
from tuitune.recipe.sections.training import TrainingSection


def steps_per_epoch(rows: int, training: TrainingSection) -> int:
    """Optimizer steps in a pass over `rows` rows of a batch: packed ones, where rows are packed."""
    return max(1, math.ceil(math.ceil(rows / training.batch_size) / training.accumulation))


def total_steps(per_epoch: int, training: TrainingSection) -> int:
    """Steps of a whole run, of which a pass over the data has `per_epoch`."""
    return training.max_steps or math.ceil(training.epochs * per_epoch)


def warm_up_steps(total: int, training: TrainingSection) -> int:
    """Of a run's steps, those in which the rate climbs from 0: as transformers counts them, but never all of them."""
    return min(math.ceil(total * training.warmup_ratio), total - 1)


def training_rows(counted: int, data: DataSection) -> int:
    """Rows to train on where `counted` are usable: after the limit, with those mixed in to make up their shares
    (`tuitune.data.preparation.mix`), without the held-out share.
    """
    main = min(counted, data.limit or counted)
    rest = 1 - sum(data.mix.values())
    rows = main + sum(round(main * share / rest) for share in data.mix.values())
    return rows - held_out_rows(rows, data.eval) if isinstance(data.eval, float) else rows


def held_out_rows(rows: int, share: float) -> int:
    """Rows that a share of them comes to, as `tuitune.data.preparation.split` draws them."""
    return min(max(1, round(rows * share)), rows - 1) if rows > 1 else 0
