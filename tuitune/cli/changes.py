"""`KEY=VALUE` changes to a run that exists already, checked against its recipe before anything is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuitune.recipe import overrides
from tuitune.runs.store.directory import Run, read_recipe


def changed(run: Run, assignments: Sequence[str]) -> dict[str, Any]:
    """The values that assignments give, by key, as JSON knows them. RecipeError where a key or value is wrong."""
    tables = overrides.apply(read_recipe(run), assignments).model_dump(mode="json")
    keys = [key.split(".", 1) for key in overrides.keys_of(assignments)]
    return {f"{section}.{name}": tables[section][name] for section, name in keys}
