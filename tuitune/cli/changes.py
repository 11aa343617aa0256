"""`KEY=VALUE` changes to a run that exists already, checked against its recipe before anything is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuitune.problem import Problem
from tuitune.recipe import overrides
from tuitune.recipe.check import RecipeError
from tuitune.recipe.tunable import TUNABLE
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.text import clean


def changed(run: Run, assignments: Sequence[str]) -> dict[str, Any]:
    """The values that assignments give, by key, as JSON knows them. RecipeError where a key or value is wrong."""
    tables = overrides.apply(read_recipe(run), assignments).model_dump(mode="json")
    keys = [key.split(".", 1) for key in overrides.keys_of(assignments)]
    return {f"{section}.{name}": tables[section][name] for section, name in keys}


def full_keys(assignments: Sequence[str]) -> list[str]:
    """The assignments with every key written out: `learning_rate=1e-4` is `training.learning_rate=1e-4`.

    RecipeError names the keys that cannot be changed while a run trains, or are not unique, and what can be.
    """
    problems, full = [], []
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        candidates = _candidates(key.strip())
        if len(candidates) == 1:
            full.append(f"{candidates[0]}{separator}{value}")
        else:
            problems.append(Problem(clean(key, limit=60), _refusal(candidates)))
    if problems:
        raise RecipeError(problems)
    return full


def _candidates(key: str) -> list[str]:
    return [key] if key in TUNABLE else sorted(known for known in TUNABLE if known.partition(".")[2] == key)


def _refusal(candidates: list[str]) -> str:
    if candidates:
        return f"this can be {' or '.join(candidates)}; write the whole key"
    return f"cannot be changed while a run trains; tunable are: {', '.join(sorted(TUNABLE))}"
