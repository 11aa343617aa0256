"""What the names of files and folders in a recipe mean: a relative path starts at some folder, a Hub id at none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tuitune.data.sources.names import is_hub_set
from tuitune.hardware.models import looks_like_hub_id
from tuitune.paths import expanded
from tuitune.problem import Problem
from tuitune.recipe.check import RecipeError
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.text import clean

_Test = Callable[[str], bool]
_ON_HUB: dict[str, _Test] = {"model": looks_like_hub_id, "data": is_hub_set, "file": lambda _name: False}
"""The test for being a name on the Hub, by what a setting names."""


def resolve_paths(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with every name of a local file, folder or pattern made absolute, there or not; relative ones start at
    `base`. Bundled names and addresses stay, and so do Hub ids where no such folder lies below `base`.
    """
    for one in settings():
        if test := _ON_HUB.get(one.entails.names):
            located = _each(one.of(recipe), partial(_absolute, base=base, on_hub=test))
            section = getattr(recipe, one.section).model_copy(update={one.name: located})
            recipe = recipe.model_copy(update={one.section: section})
    return recipe


def read_located(path: Path | str, *, replaced: Iterable[str] = ()) -> Recipe:
    """The recipe in a file, whose relative paths start at the folder that it lies in; they are absolute then, unless
    that is the current folder.

    RecipeError as `tuitune.recipe.document.read`, and where a name is found only in the current folder, unless its key
    is one of those that the caller has `replaced`.
    """
    recipe, folder, here = read(path), Path(path).absolute().parent, Path.cwd()
    if folder.samefile(here):
        return recipe
    problems = [
        Problem(key, _elsewhere(name, folder, here))
        for key, name in _names(recipe)
        if key not in replaced and _is_there(folder / expanded(name)) is False and _is_there(here / expanded(name))
    ]
    if problems:
        raise RecipeError(problems)
    return resolve_paths(recipe, folder)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """A setting with every name in it changed."""
    if isinstance(value, dict):
        return {change(name): share for name, share in value.items()}
    return change(value) if isinstance(value, str) and value else value


def _names(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Key and name of everything that may be a path."""
    for one in settings():
        if one.entails.names:
            value = one.of(recipe)
            names = value if isinstance(value, dict) else [value] if isinstance(value, str) and value else []
            yield from ((one.key, name) for name in names)


def _absolute(name: str, base: Path, on_hub: _Test) -> str:
    if name.startswith("bundled:") or "://" in name:
        return name
    local = base / expanded(name)
    there = _is_there(local)
    return name if there is None or (not there and on_hub(name)) else str(local)


def _is_there(path: Path) -> bool | None:
    """Whether something lies at a path; None where it can be none, such as one that is too long."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return None


def _elsewhere(name: str, folder: Path, here: Path) -> str:
    shown, wanted = clean(name, limit=200), clean(os.path.relpath(here / name, folder), limit=300)
    return f"{shown} is not in the recipe's folder, where relative paths start, but in the current one; write {wanted}"
