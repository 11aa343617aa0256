"""Settings that have no effect as a recipe stands, for want of what they need."""

from __future__ import annotations

from tuitune.recipe.declaration import Needs
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, settings


def without_effect(recipe: Recipe) -> dict[str, str]:
    """Key → why its value has no effect."""
    return {
        one.key: needed(one.entails.conditions)
        for one in settings()
        if (needs := one.entails.conditions) and not any(need.met(setting(need.key).of(recipe)) for need in needs)
    }


def needed(conditions: tuple[Needs, ...]) -> str:
    """What one of them asks for, in words: `needs bits = 4`, `needs prompts or answers evaluated`."""
    if conditions[0].values == (None,):
        return f"{setting(conditions[0].key).title} overrides it"
    return f"needs {' or '.join(map(_said, conditions))}"


def _said(need: Needs) -> str:
    values = " or ".join(map(str, need.values))
    return " = ".join(filter(None, [setting(need.key).title, values]))
