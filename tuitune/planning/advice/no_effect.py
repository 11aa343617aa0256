"""What a recipe asks for and nothing in it makes use of: settings of another method, of another objective."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.settings import setting, without_effect


def _no_effect(now: Situation) -> Iterator[Advice]:
    for key, needed in without_effect(now.recipe).items():
        one = setting(key)
        if one.of(now.recipe) != one.default:
            yield Advice("no-effect", "info", key, f"has no effect: {needed}", {key: one.default})


RULES = (_no_effect,)
