"""The names of local files in a recipe, made absolute: a run goes on in another directory than its person's."""

from __future__ import annotations

from pathlib import Path

from tuitune.paths import expanded
from tuitune.recipe.schema import Recipe


def resolve_paths(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with every name of an existing local file or folder made absolute; bundled names and Hub ids stay."""
    model = recipe.model.model_copy(update={"id": _absolute(recipe.model.id, base)})
    data = recipe.data
    eval_source = _absolute(data.eval, base) if isinstance(data.eval, str) else data.eval
    named: dict[str, object] = {"train": _absolute(data.train, base), "eval": eval_source}
    named["mix"] = {_absolute(name, base): share for name, share in data.mix.items()}
    named["template"] = _absolute(data.template, base) if data.template else ""
    data = data.model_copy(update=named)
    return recipe.model_copy(update={"model": model, "data": data})


def _absolute(name: str, base: Path) -> str:
    if name.startswith("bundled:"):
        return name
    try:
        local = base / expanded(name)
        return str(local) if local.exists() else name
    except (OSError, RuntimeError):  # too long for a path, or ~somebody unknown
        return name
