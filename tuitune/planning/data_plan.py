"""What a recipe asks of its data, and the tasks that carry it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import Task, begin, find
from tuitune.objectives import objective_of
from tuitune.paths import expanded
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe

CLEANED_BY = ("data", "cleaning")
TOKENIZED_BY = ("model", "data", "cleaning", "objective")
"""The sections of a recipe that a task goes by; the seed of the run besides."""


def sources(recipe: Recipe) -> list[str]:
    """Every data set that a recipe names, the training data first."""
    data = recipe.data
    return list(dict.fromkeys([data.train, *data.mix, *([data.eval] if isinstance(data.eval, str) else [])]))


def clean_task(recipe: Recipe, base: Path) -> Task:
    """The task that says what each cleaning step does (`tuitune.data.preparation.task`), begun or found.

    TuituneError where some of the data is not there.
    """
    return _task("clean", recipe, base, CLEANED_BY, "tuitune.data")


def token_task(recipe: Recipe, base: Path) -> Task:
    """The task that tokenizes the data as training will (`tuitune.engine.jobs.token_report`), begun or found.

    TuituneError where some of the data is not there.
    """
    return _task("tokens", recipe, base, TOKENIZED_BY, "tuitune.engine")


def known_tokens(recipe: Recipe, base: Path) -> dict[str, Any] | None:
    """What tokenizing the recipe's data gave, where that has been done; None for names that no file can have, too."""
    try:
        task = find("tokens", *_asked(recipe, base, TOKENIZED_BY))
    except (TuituneError, OSError, RuntimeError, ValueError):
        return None
    return task.look().result if task else None


def _task(kind: str, recipe: Recipe, base: Path, sections: tuple[str, ...], module: str) -> Task:
    return begin(kind, *_asked(recipe, base, sections), module=module)


def _asked(recipe: Recipe, base: Path, sections: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    """What a task is to do, and the state of the data that it is done to."""
    asked = recipe.model_dump(mode="json", include={**dict.fromkeys(sections, True), "run": {"seed"}})
    base = base.absolute()
    stamps = [stamp(resolve(name, base=base)) for name in sources(recipe)]
    if recipe.data.template:
        stamps.append(_stamp_of(base / expanded(recipe.data.template)))
    purpose = objective_of(recipe).purpose.as_json()
    return {"recipe": asked, "base": str(base), "purpose": purpose}, stamps


def _stamp_of(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{path} {found.st_size} {found.st_mtime_ns}"
