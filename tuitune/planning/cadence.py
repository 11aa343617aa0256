"""How often things happen in a run of few steps: an epoch is long in a large run, and a step or two in a small one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tuitune.planning.situation import Advice, Situation

FEW_STEPS = 4
"""Optimizer steps of an epoch up to which "epoch" is so often that measuring and saving outweigh training."""

_MANY = 12
"""Times that something may happen in a run before it is too often."""

_WANTED = 8


def cadence_advice(now: Situation) -> Iterator[Advice]:
    """Evaluations, samples and checkpoints at each epoch, where an epoch is only a few steps and there are many."""
    if now.steps is None or now.steps.per_epoch is None:
        return
    per_epoch, total = now.steps.per_epoch, now.steps.count
    if now.steps.sure == "up to" or per_epoch > FEW_STEPS or total / per_epoch <= _MANY:
        return
    happens = {
        "evaluation.every": ("measuring", now.recipe.data.eval is not None),
        "samples.every": ("sampling", bool(now.recipe.samples.prompts)),
        "checkpoints.every": ("saving", True),
    }
    named = {key: word for key, (word, used) in happens.items() if used and _every(now, key) == "epoch"}
    if named:
        words = list(named.values())
        doing = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
        steps = "every step" if per_epoch == 1 else f"every {per_epoch} steps"
        every = math.ceil(total / _WANTED)
        message = f"an epoch of these rows is so short that {doing} at its end happens {steps}; every {every} will do"
        yield Advice("cadence", "info", next(iter(named)), message, dict.fromkeys(named, every))


def _every(now: Situation, key: str) -> object:
    return getattr(now.recipe, key.partition(".")[0]).every
