"""Changing the recipe of a run that exists: what may be changed, and rewriting recipe.toml whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tuitune.problem import Problem
from tuitune.recipe.check import RecipeError, parse
from tuitune.recipe.document import render as as_toml
from tuitune.recipe.overrides import put, tables_of
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, settings
from tuitune.recipe.values import toml_text, toml_value
from tuitune.runs.located import resolve_paths
from tuitune.runs.read.length import outdone
from tuitune.runs.store import files, journal
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.runs.store.provenance import SOURCES, record_sources


def amend(run: Run, changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Change settings in the run's recipe.toml, which is replaced in one step: {key: {"from": …, "to": …}} of those
    that differ. RecipeError, and nothing changed, where a key or value is wrong or may not be changed in this run.
    """
    before = read_recipe(run)
    after = amended(run, changes)
    made = {
        one.key: {"from": old, "to": new} for one in settings() if (old := one.of(before)) != (new := one.of(after))
    }
    if made:
        files.write_whole(run.recipe_file, as_toml(after, full=True).encode())
    if made.keys() & SOURCES:
        record_sources(run, after)
    return made


def prepared(run: Run, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes checked, with the names of local files made absolute; RecipeError as `amend`, which takes what this
    gives from wherever it runs.
    """
    result = resolve_paths(amended(run, changes), Path.cwd())
    return {key: setting(key).of(result) for key in changes}


def amended(run: Run, changes: Mapping[str, Any]) -> Recipe:
    """The run's recipe with `changes` {key: value}; nothing is written. RecipeError as `amend`."""
    before = read_recipe(run)
    tables = tables_of(before)
    wrong = []
    for key, value in changes.items():
        put(tables, setting(key), value)
        if value != setting(key).of(before) and (message := _settled(run, key)):
            wrong.append(Problem(key, message))
    if wrong:
        raise RecipeError(wrong)
    after = parse(tables)
    if problem := outdone(run, before.training, after.training):
        raise RecipeError([problem])
    return after


def as_assignments(changes: Mapping[str, Any]) -> list[str]:
    """Changes as `KEY=VALUE` texts, for a command line; a value is TOML, nothing is None."""
    return [f"{key}={'' if value is None else toml_text(value)}" for key, value in changes.items()]


def from_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """What `as_assignments` was given; what is no TOML is text."""
    parts = (assignment.partition("=") for assignment in assignments)
    return {key: toml_value(text, default=text) if text else None for key, _, text in parts}


def _settled(run: Run, key: str) -> str:
    """Why a setting of this run cannot be changed any more; "" where it can."""
    change = setting(key).entails.change
    if change == "never":
        return f"a run keeps its {setting(key).title}; start a new run with another"
    if change == "until it trains" and journal.last_seq(run.metrics_file) > 0:
        return "cannot change once training has begun; start a new run with it"
    return ""
