"""What a recipe wants of its data, in the words of the data room; and the task that shows what cleaning does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tuitune.data import tasks
from tuitune.data.cleaning.wanted import Cleaning, Wanted
from tuitune.data.sources.names import resolve, stamp
from tuitune.recipe.schema import Recipe


def wanted(recipe: Recipe) -> Wanted:
    """The recipe's `[data]` and `[cleaning]`."""
    data = recipe.data
    return Wanted(
        train=data.train,
        eval=data.eval,
        mix=dict(data.mix),
        split=data.split,
        shape=data.shape,
        columns=dict(data.columns),
        limit=data.limit,
        exclude=frozenset(data.exclude),
        cleaning=Cleaning(**recipe.cleaning.model_dump()),
        seed=recipe.run.seed,
        objective=recipe.objective.kind,
    )


def source_names(recipe: Recipe) -> Iterable[str]:
    """Every source that the recipe's data comes from."""
    yield recipe.data.train
    yield from recipe.data.mix
    if isinstance(recipe.data.eval, str):
        yield recipe.data.eval


def stamps(recipe: Recipe, base: Path) -> list[str]:
    """What tells whether the recipe's data has changed. SourceError where some of it is not there."""
    return [stamp(resolve(name, base=base)) for name in source_names(recipe)]


def begin_cleaning(recipe: Recipe, base: Path) -> tasks.Task:
    """The task that says what each cleaning step does to the recipe's data (`Assembled.as_json`)."""
    asked = asdict(wanted(recipe))
    asked["exclude"] = sorted(asked["exclude"])
    return tasks.begin("clean", {"wanted": asked, "base": str(base)}, stamps(recipe, base))
