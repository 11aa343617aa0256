"""Whether a recipe is right: every field by the schema, and the rules that tie fields together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from tuitune.problem import Problem, TuituneError
from tuitune.recipe import values
from tuitune.recipe.rules import RULES
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import checked, sections, setting, settings, unknown


class RecipeError(TuituneError):
    """A recipe that was refused; `problems` lists everything wrong with it, each with its key."""


def parse(mapping: Mapping[str, Any], wrong: Iterable[Problem] = ()) -> Recipe:
    """A recipe from its tables, as TOML or JSON give them. RecipeError names every wrong key, value and combination,
    after what is known to be `wrong` already.

    A wrong value is set aside and the rest still checked; a rule that reads a setting set aside says nothing.
    """
    found: list[Problem] = []
    tables: dict[str, dict[str, Any]] = {}
    for section, table in mapping.items():
        if section not in sections():
            found.append(Problem(values.shown_key(section), unknown(values.shown_key(section))))
        elif not isinstance(table, Mapping):
            found.append(Problem(section, f"expected a table of settings, found {values.shown(table)}"))
        else:
            tables[section] = _fields(section, table, found)
    recipe = Recipe.model_validate(tables)
    found += problems(recipe, {problem.key for problem in found})
    if found := [*wrong, *found]:
        raise RecipeError(found)
    return recipe


def problems(recipe: Recipe, aside: Set[str] = frozenset()) -> list[Problem]:
    """The combinations of settings in a valid recipe that cannot work together, each at the key to change.

    Rules that read a setting or section that was set `aside` say nothing.
    """
    return [
        Problem(rule.keys[0], message)
        for rule in RULES
        if aside.isdisjoint(part for key in rule.keys for part in (key, key.partition(".")[0]))
        and (message := rule.broken(recipe))
    ]


def _fields(section: str, table: Mapping[str, Any], found: list[Problem]) -> dict[str, Any]:
    known = {one.name for one in settings() if one.section == section}
    right = {}
    for name, value in table.items():
        if name not in known:
            key = f"{section}.{values.shown_key(name)}"
            found.append(Problem(key, unknown(key)))
            continue
        key = f"{section}.{name}"
        try:
            right[name] = checked(setting(key), value)
        except ValueError as error:
            found.append(Problem(key, str(error)))
    return right
