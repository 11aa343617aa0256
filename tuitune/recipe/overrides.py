"""`--set KEY=VALUE`: single settings changed from the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tuitune.problem import Problem
from tuitune.recipe import values
from tuitune.recipe.check import parse
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, checked, setting, settings, unknown


def apply(recipe: Mapping[str, Any] | Recipe, assignments: Iterable[str]) -> Recipe:
    """The recipe with each `section.key=value` applied; of a key given twice the last one counts.

    A value is a TOML value, a bare word is text, and nothing (`data.limit=`) is none. `adapter.options.r=8` sets one
    option of a table of them. RecipeError names all that is wrong, in the assignments and in the recipe that they make.
    """
    tables = tables_of(recipe)
    known = {one.key: one for one in settings()}
    found: list[Problem] = []
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        key = key.strip()
        if not separator:
            found.append(Problem(values.shown(assignment), "expected KEY=VALUE, such as training.learning_rate=1e-4"))
        elif (options := known.get(key.rpartition(".")[0])) and options.kind == "options":
            _put_option(tables, options, key.rpartition(".")[2], values.toml_value(text.strip(), default=text.strip()))
        elif key not in known:
            found.append(Problem(values.shown_key(key), unknown(key)))
        else:
            put(tables, known[key], _value(known[key], text))
    return parse(tables, found)


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with `values` by key; ValueError says which one its setting does not take.

    How they go together is not checked: a draft may pass through combinations that do not.
    """
    sections: dict[str, Any] = {}
    for key, value in values.items():
        one = setting(key)
        before = sections.get(one.section, getattr(recipe, one.section))
        sections[one.section] = before.model_copy(update={one.name: checked(one, value)})
    return recipe.model_copy(update=sections)


def keys_of(assignments: Iterable[str]) -> list[str]:
    """The keys that `section.key=value` assignments name."""
    return [assignment.partition("=")[0].strip() for assignment in assignments]


def tables_of(recipe: Mapping[str, Any] | Recipe) -> dict[str, Any]:
    """The tables of a recipe as fresh dictionaries, without the settings that are at their defaults."""
    if isinstance(recipe, Recipe):
        return recipe.model_dump(exclude_defaults=True)
    return {name: dict(table) if isinstance(table, Mapping) else table for name, table in recipe.items()}


def put(tables: dict[str, Any], one: Setting, value: Any) -> None:
    """Set one key, unless something else than a table is in the place of its section."""
    if isinstance(table := tables.setdefault(one.section, {}), dict):
        table[one.name] = value


def _put_option(tables: dict[str, Any], one: Setting, name: str, value: Any) -> None:
    """Set one option of a setting that is a table of them, beside those that it has."""
    table = tables.setdefault(one.section, {})
    before = table.get(one.name) if isinstance(table, dict) else None
    put(tables, one, {**(before if isinstance(before, dict) else {}), name: value})


def _value(one: Setting, text: str) -> Any:
    word = text.strip()
    if one.optional and not word:
        return None
    if one.kind == "text":
        quoted = values.toml_value(word, default=None) if word[:1] in ("'", '"') else None
        return quoted if isinstance(quoted, str) else word
    return values.toml_value(word, default=values.from_text(word, one.kind, words=one.words, choices=one.choices))
