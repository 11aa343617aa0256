"""Advice on a method that changes the model before its first step, so that training does not begin with the base."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe


def _beginning(now: Situation) -> Iterator[Advice]:
    """How the method begins, and what that means where the objective compares with the base."""
    recipe = now.recipe
    if not (how := recipe.method.starts(recipe.adapter)):
        return
    message = f"training does not begin with the base: {how}. The base's figures are measured without the adapter"
    if recipe.compares:
        message += ", and so is the reference: at the first step the model differs from it already"
    fix = _from_the_base(recipe)
    yield Advice("begins-apart", "info", "adapter.options" if fix else "adapter.method", message, fix)


def _from_the_base(recipe: Recipe) -> dict[str, object] | None:
    """The options by which a tuner begins as its base; None where there are none."""
    key, given = "adapter.options", dict(recipe.adapter.options)
    given.pop("init_weights", None)
    for options in (given, {**given, "init_weights": True}) if recipe.method.is_tuner else ():
        begun = with_values(recipe, {key: options})
        if not begun.method.starts(begun.adapter):
            return {key: options}
    return None


RULES = (_beginning,)
