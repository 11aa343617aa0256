"""What a recipe asks of its data, and the tasks that carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuitune import plain
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import Task, begin, find
from tuitune.hardware.models import locate
from tuitune.paths import expanded
from tuitune.problem import TuituneError
from tuitune.recipe.declaration import Affects
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.rewards import helpers

_GOES_BY: Mapping[str, tuple[Affects, ...]] = {"clean": ("tokens",), "tokens": ("tokens", "tokenizer", "rows")}
"""What a setting affects that a task of a kind goes by."""

_TOKENIZER = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja")
"""The files of a model that say what becomes of a text."""


def sources(recipe: Recipe) -> list[str]:
    """Every data set that a recipe names, the training data first."""
    data = recipe.data
    return list(dict.fromkeys([data.train, *data.mix, *([data.eval] if isinstance(data.eval, str) else [])]))


def settings_of(kind: str, recipe: Recipe) -> dict[str, Any]:
    """The settings that a task of a kind goes by, as tables of a recipe."""
    include: dict[str, set[str]] = {}
    for one in settings():
        if one.affects(*_GOES_BY[kind]):
            include.setdefault(one.section, set()).add(one.name)
    return recipe.model_dump(mode="json", include=include)


def clean_task(recipe: Recipe, base: Path) -> Task:
    """The task that says what each cleaning step does, begun or found. TuituneError where some data is absent."""
    return begin("clean", *_asked("clean", recipe, base), module="tuitune.data")


def token_task(recipe: Recipe, base: Path) -> Task:
    """The task that tokenizes the data as training will, begun or found. TuituneError where some data is absent."""
    return begin("tokens", *_asked("tokens", recipe, base), module="tuitune.engine")


def reward_task(recipe: Recipe, base: Path, *, prompts: int, answers: int) -> Task:
    """The task that lets the model answer some prompts so many times, and judges the answers, begun or found."""
    base = base.absolute()
    wanted = {"recipe": recipe.model_dump(mode="json"), "base": str(base), "prompts": prompts, "answers": answers}
    return begin("rewards", wanted, _stamps(recipe, base), module="tuitune.engine")


def known_tokens(recipe: Recipe, base: Path) -> dict[str, Any] | None:
    """What tokenizing the recipe's data gave, where that has been done; None for names that no file can have, too."""
    try:
        task = find("tokens", *_asked("tokens", recipe, base))
    except (TuituneError, OSError, RuntimeError, ValueError):
        return None
    return task.look().result if task else None


def _asked(kind: str, recipe: Recipe, base: Path) -> tuple[dict[str, Any], list[str]]:
    """What a task is to do, and the state of the data that it is done to."""
    base = base.absolute()
    stamps = _stamps(recipe, base)
    if kind == "tokens" and (model := locate(recipe.model.id, recipe.model.revision, base=base)) is not None:
        stamps += [_stamp_of(model / name) for name in _TOKENIZER]
    return {"recipe": settings_of(kind, recipe), "base": str(base)}, stamps


def _stamps(recipe: Recipe, base: Path) -> list[str]:
    """The state of the data of a recipe, and of the files and packages that change what becomes of it."""
    named = filter(None, (recipe.data.template, recipe.rewards.file, recipe.rewards.schema_file))
    return [
        *(stamp(resolve(name, base=base)) for name in sources(recipe)),
        *(_stamp_of(base / expanded(name)) for name in named),
        *helpers(recipe.rewards.weights),
    ]


def _stamp_of(path: Path) -> str:
    found = plain.stat_of(path)
    return f"{path} {found.st_size} {found.st_mtime_ns}" if found else "missing"
