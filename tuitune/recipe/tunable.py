"""What of a recipe can be changed while it is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.problem import Problem
from tuitune.recipe import values
from tuitune.recipe.check import parse
from tuitune.recipe.overrides import put, tables_of
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, settings, unknown

TUNABLE = frozenset(one.key for one in settings() if one.is_tunable)
"""The settings that a run takes while it trains. The learning rate is the peak of its schedule."""


def tune(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with `changes`, values by key as TOML or JSON give them; None takes an optional setting out.

    RecipeError names every key that is unknown or not tunable, and every value and combination that is wrong.
    """
    tables = tables_of(recipe)
    found: list[Problem] = []
    if not changes:
        found.append(Problem("", f"nothing to change; tunable are: {', '.join(sorted(TUNABLE))}"))
    for key, value in changes.items():
        if key in TUNABLE:
            put(tables, setting(key), value)
        else:
            found.append(Problem(values.shown_key(key), _refusal(key)))
    return parse(tables, found)


def _refusal(key: str) -> str:
    if any(one.key == key for one in settings()):
        return f"cannot be changed while a run trains; tunable are: {', '.join(sorted(TUNABLE))}"
    return unknown(key)
