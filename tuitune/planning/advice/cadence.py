"""How often things happen in a run of few steps: an epoch is long in a large run, and a step or two in a small one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.recipe.steps import warm_up_steps
from tuitune.recipe.values import toml_text

FEW_STEPS = 4
"""Optimizer steps of an epoch up to which "epoch" is so often that measuring and saving outweigh training."""

_MANY = 12
"""Times that something may happen in a run before it is too often."""

_WANTED = 8

_WARM_SHARE = 0.25
"""Of a run's steps, how much warm-up goes without saying."""

_TOO_FEW = 10
"""Optimizer steps below which an adapter hardly moves from where it starts."""

_ENOUGH = 15
"""Steps that a fix comes to at least: where rows are packed their number is a guess, which may be a third too high."""

_MOST_EPOCHS = 5.0
"""Epochs up to which more of them are offered; beyond, the model memorises the rows."""


def _few_steps(now: Situation) -> Iterator[Advice]:
    """A run that is over before it has learned anything, by its epochs: a number of steps that was set is meant."""
    if now.steps is None or now.recipe.training.max_steps or now.steps.count >= _TOO_FEW:
        return
    message = f"{now.steps.phrase} in total: too few for the model to learn much"
    for fix in _more_steps(now.recipe):
        better = now.count_steps(with_values(now.recipe, fix))
        if better is not None and better.sure != "up to" and better.count >= _ENOUGH:
            settings = ", ".join(f"{key} = {toml_text(value)}" for key, value in fix.items())
            yield Advice("few-steps", "warning", next(iter(fix)), f"{message}; {settings} makes {better.text}", fix)
            return
    yield Advice("few-steps", "warning", "data.train", f"{message}; add rows")


def _warm_up(now: Situation) -> Iterator[Advice]:
    """A warm-up that takes much of the run, in which the rate climbs from 0: by its share, or as one step of a few."""
    training = now.recipe.training
    if now.steps is None or now.steps.sure == "up to" or training.schedule == "constant" or not training.warmup_ratio:
        return
    total = now.steps.count
    warm = warm_up_steps(total, training)
    if total > 1 and warm > _WARM_SHARE * total:
        message = f"warm-up takes {warm:,} of {total:,} steps, the first at a learning rate of 0"
        remedy = "train for more steps, or set training.warmup_ratio = 0"
        fix = {"training.warmup_ratio": 0.0}
        yield Advice("warm-up", "warning", "training.warmup_ratio", f"{message}; {remedy}", fix)


def _more_steps(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Changes that make more steps of the same rows, the mildest first; none takes more memory."""
    training = recipe.training
    sizes: list[dict[str, Any]] = [{}]
    for key, size in (("training.accumulation", training.accumulation), ("training.batch_size", training.batch_size)):
        smallest = sizes[-1]
        while size > 1:
            size //= 2
            sizes.append({**smallest, key: size})
    loose: dict[str, Any] = {"data.packing": False} if recipe.packs else {}
    changes = [*sizes, *({**loose, **size} for size in sizes if loose)]
    if training.epochs < _MOST_EPOCHS:
        changes.append({**changes[-1], "training.epochs": _MOST_EPOCHS})
    yield from filter(None, changes)


def _cadence(now: Situation) -> Iterator[Advice]:
    """Evaluations, samples and checkpoints at each epoch, where an epoch is only a few steps and there are many."""
    if now.steps is None or now.steps.per_epoch is None:
        return
    per_epoch, total = now.steps.per_epoch, now.steps.count
    if now.steps.sure == "up to" or per_epoch > FEW_STEPS or total / per_epoch <= _MANY:
        return
    happens = {
        "evaluation.every": ("evaluating", now.recipe.data.eval is not None),
        "samples.every": ("sampling", bool(now.recipe.samples.prompts)),
        "checkpoints.every": ("saving", True),
    }
    named = {key: word for key, (word, used) in happens.items() if used and setting(key).of(now.recipe) == "epoch"}
    if named:
        words = list(named.values())
        doing = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
        epoch = "1 step" if per_epoch == 1 else f"{per_epoch} steps"
        every = math.ceil(total / _WANTED)
        message = f"an epoch is only {epoch}; {doing} every {every:,} steps is enough"
        yield Advice("cadence", "info", next(iter(named)), message, dict.fromkeys(named, every))


RULES = (
    _few_steps,
    _warm_up,
    _cadence,
)
