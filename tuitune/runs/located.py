"""What the names of files and folders in a recipe mean: a relative path starts at some folder, a Hub id at none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tuitune.data.sources.names import is_hub_set
from tuitune.hardware.models import looks_like_hub_id
from tuitune.paths import expanded
from tuitune.problem import Problem
from tuitune.recipe.check import RecipeError
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.text import clean

_Test = Callable[[str], bool]


def resolve_paths(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with every name of a local file, folder or pattern made absolute, there or not; relative ones start at
    `base`. Bundled names and addresses stay, and so do Hub ids where no such folder lies below `base`.
    """
    full = {(key, name): _absolute(name, base, on_hub) for key, name, on_hub in _names(recipe)}
    data = recipe.data
    named: dict[str, object] = {"train": full["data.train", data.train]}
    named["mix"] = {full["data.mix", name]: share for name, share in data.mix.items()}
    if isinstance(data.eval, str):
        named["eval"] = full["data.eval", data.eval]
    if data.template:
        named["template"] = full["data.template", data.template]
    model = recipe.model.model_copy(update={"id": full["model.id", recipe.model.id]})
    return recipe.model_copy(update={"model": model, "data": data.model_copy(update=named)})


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
        for key, name, _ in _names(recipe)
        if key not in replaced and _is_there(folder / expanded(name)) is False and _is_there(here / expanded(name))
    ]
    if problems:
        raise RecipeError(problems)
    return resolve_paths(recipe, folder)


def _names(recipe: Recipe) -> Iterator[tuple[str, str, _Test]]:
    """Of every name that may be a path: its key, itself, and the test for being a name on the Hub."""
    data = recipe.data
    yield "model.id", recipe.model.id, looks_like_hub_id
    yield "data.train", data.train, is_hub_set
    yield from (("data.mix", name, is_hub_set) for name in data.mix)
    if isinstance(data.eval, str):
        yield "data.eval", data.eval, is_hub_set
    if data.template:
        yield "data.template", data.template, lambda _: False


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
