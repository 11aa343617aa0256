"""When training is interrupted: for a record, an evaluation, a checkpoint, samples."""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.recipe.schema import Recipe


@dataclass
class Due:
    """What is to happen after a step."""

    log: bool = False
    evaluate: bool = False
    save: bool = False
    sample: bool = False


def due(recipe: Recipe, step: int, *, epoch_ended: bool, last: bool) -> Due:
    """What the recipe wants after `step`. After the last one a record and a checkpoint; the result is measured then."""

    def now(every: int | str) -> bool:
        return step % every == 0 if isinstance(every, int) else every == "epoch" and epoch_ended

    return Due(
        log=last or now(recipe.training.log_every),
        evaluate=not last and now(recipe.evaluation.every),
        save=last or now(recipe.checkpoints.every),
        sample=not last and now(recipe.samples.every),
    )
