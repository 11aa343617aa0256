"""WHAT WOULD WORK BUT IS UNWISE, and the settings that fix it: `RULES` in each file, one short function a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tuitune.declared import modules
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.settings import settings

Rule = Callable[[Situation], Iterable[Advice]]


def advise(situation: Situation) -> list[Advice]:
    """All advice that applies: warnings first, and each where its setting stands in a recipe."""
    places = {setting.key: place for place, setting in enumerate(settings())}
    found = [advice for rule in _rules() for advice in rule(situation)]
    return sorted(found, key=lambda advice: (advice.level != "warning", places.get(advice.key, len(places))))


def _rules() -> Iterable[Rule]:
    for module in modules(__name__):
        yield from module.RULES
