"""A configuration of another trainer as a recipe, with an account of every key of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tuitune.objectives import TRAINED
from tuitune.problem import Problem
from tuitune.recipe import overrides
from tuitune.recipe.check import RecipeError
from tuitune.recipe.importing.documents import UnreadableError
from tuitune.recipe.importing.origin import Origin, Part
from tuitune.recipe.importing.outcomes import Kind, Outcome, apart, become, is_off
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, checked, settings, without_effect
from tuitune.recipe.values import from_text, shown, shown_key
from tuitune.text import is_secret, redact_all

_CHOSEN = ("adapter.method", "objective.kind")
"""Settings that say what is trained and how: what others of them read has no effect."""


@dataclass(frozen=True)
class KeyAccount:
    """What became of one key of a document: its `place` in the file, and what the rule said."""

    key: str
    place: str
    value: Any
    outcome: Outcome


@dataclass(frozen=True)
class Imported:
    """What a configuration came to. `recipe` is None where one of its keys is refused, or settings do not go together.

    Every key is in one entry, alone or within the table or list that the entry is for. `defaults` are the settings that
    the configuration leaves to its trainer, where tuitune's own default is another; `problems` say why there is no
    recipe.
    """

    origin: Origin
    entries: list[KeyAccount]
    defaults: dict[str, Any]
    recipe: Recipe | None = None
    problems: list[Problem] = field(default_factory=list)

    def of(self, *kinds: Kind) -> list[KeyAccount]:
        """The entries of these kinds."""
        return [one for one in self.entries if one.outcome.kind in kinds]


def imported(parts: Sequence[Part], origin: Origin, assignments: Iterable[str] = (), name: str = "") -> Imported:
    """The recipe that the documents of one trainer mean, with `section.key=value` assignments on top; it is called
    `name`, where one is given.

    UnreadableError names the file, line and key of every value that its key cannot have.
    """
    entries, wrong = _entries(parts)
    if wrong:
        raise UnreadableError(wrong)
    given = list(assignments)
    replaced = set(overrides.keys_of(given))
    values, wrong = _settings(entries, replaced)
    defaults = {
        key: value for key, value in origin.defaults(values).items() if key not in values and key not in replaced
    }
    if (fitting := _larger_batches({**defaults, **values})) and not fitting.keys() & replaced:
        entries = [_with(fitting, one) for one in entries]
        values = {**values, **fitting}
    wrong += [Problem(one.place, f"{one.key}: {one.outcome.why}") for one in entries if one.outcome.kind == "refused"]
    wrong += [
        Problem("", f"it names no {what}; add `--set {key}=NAME`")
        for key, what in (("model.id", "base model"), ("data.train", "training data"))
        if key not in values and key not in replaced
    ]
    recipe = None
    if not wrong:
        named = {"run.name": name} if name else {}
        try:
            idle = _idle(_recipe({**named, **defaults, **values}, given))
            entries = [_told_idle(idle, one) for one in entries]
            defaults, values = ({key: one[key] for key in one if key not in idle} for one in (defaults, values))
            recipe = _recipe({**named, **defaults, **values}, given)
        except RecipeError as refusal:
            wrong = refusal.problems
    return Imported(origin, entries, defaults, recipe, wrong)


def _recipe(values: Mapping[str, Any], assignments: Iterable[str]) -> Recipe:
    tables: dict[str, Any] = {}
    for key, value in values.items():
        overrides.put(tables, _known()[key], value)
    return overrides.apply(tables, assignments)


def _idle(recipe: Recipe) -> dict[str, str]:
    """Settings that the recipe's method or objective does not read, and why: another trainer's may read them."""
    return {
        key: f"has no effect: {needed}"
        for key, needed in without_effect(recipe).items()
        if any(need.key in _CHOSEN for need in _known()[key].entails.needs)
    }


def _told_idle(idle: Mapping[str, str], entry: KeyAccount) -> KeyAccount:
    """An entry without the settings that are `idle`; one that asks for nothing else cannot be, unless it is off."""
    found = {key: idle[key] for key in entry.outcome.settings if key in idle}
    if not found:
        return entry
    kept = {key: value for key, value in entry.outcome.settings.items() if key not in found}
    why = "; ".join(dict.fromkeys(found.values()))
    if kept:
        return replace(entry, outcome=replace(entry.outcome, settings=kept))
    off = is_off(entry.value) or entry.value == 0
    return replace(entry, outcome=Outcome("carried" if off else "lost", why=why))


def _entries(parts: Sequence[Part]) -> tuple[list[KeyAccount], list[Problem]]:
    """An entry for every key, or for every part of what it holds, and what its value should have been."""
    entries: list[KeyAccount] = []
    wrong: list[Problem] = []
    for part in parts:
        for key, value in part.document.values.items():
            try:
                found = apart(become(key, value, part.document.values, part.rules))
                settled = [(path, _settled(outcome)) for path, outcome in found]
            except ValueError as error:
                wrong.append(Problem(part.document.place(key), f"{shown_key(key)}: {error}"))
                continue
            for path, outcome in settled:
                full = f"{key}{path}"
                said = _safe(full, _at(value, path))
                entries.append(KeyAccount(shown_key(full), part.document.place(full), said, outcome))
    return entries, wrong


def _at(value: Any, path: str) -> Any:
    """The part of a value at a path such as `[0].path`; a key may have a point in it."""
    if not path:
        return value
    if path.startswith("["):
        number, _, rest = path[1:].partition("]")
        return _at(value[int(number)], rest)
    name = max((key for key in value if f"{path}.".startswith((f".{key}.", f".{key}["))), key=len)
    return _at(value[name], path[len(name) + 1 :])


def _safe(key: str, value: Any) -> Any:
    """A value without the credentials in it, as its key and its text show them."""
    if isinstance(value, dict):
        return {name: _safe(name, inner) for name, inner in value.items()}
    return "•••" if isinstance(value, str) and is_secret(key.rpartition(".")[2]) else redact_all(value)


def _settled(outcome: Outcome) -> Outcome:
    """An outcome with values as the schema holds them; ValueError says what was expected."""
    values = {key: _checked(_known()[key], value) for key, value in outcome.settings.items()}
    return Outcome(outcome.kind, values, outcome.why)


def _checked(one: Setting, value: Any) -> Any:
    """A value of a setting, also where other trainers take it as text, or a whole number with a point."""
    if isinstance(value, str) and one.kind in ("switch", "integer", "number", "cadence"):
        value = from_text(value, one.kind, words=one.words)
    if isinstance(value, float) and one.kind in ("integer", "cadence") and value.is_integer():
        value = int(value)
    return checked(one, value)


def _settings(entries: Iterable[KeyAccount], replaced: set[str]) -> tuple[dict[str, Any], list[Problem]]:
    """What the entries set, by key, and where two of them set it to different values and nothing has `replaced` it."""
    values: dict[str, Any] = {}
    setters: dict[str, KeyAccount] = {}
    wrong = []
    for entry in entries:
        for key, value in entry.outcome.settings.items():
            before = values.get(key)
            if key in setters and isinstance(before, dict) and isinstance(value, dict):
                value = {**before, **value}
            elif key in setters and before != value and key not in replaced:
                other = f"{setters[key].key} sets {key} to {shown(before)}"
                wrong.append(Problem(entry.place, f"{entry.key} sets it to {shown(value)}, {other}; remove one"))
            values[key], setters[key] = value, entry
    return values, wrong


def _larger_batches(values: Mapping[str, Any]) -> dict[str, int]:
    """As many rows at a time as the objective compares, and fewer batches to a step; {} where they are enough, or come
    out otherwise.
    """
    objective = TRAINED.get(values.get("objective.kind", ""))
    size, accumulation = (values.get(f"training.{name}", 1) for name in ("batch_size", "accumulation"))
    if objective is None or size >= objective.least_batch or size * accumulation % objective.least_batch:
        return {}
    fewer = size * accumulation // objective.least_batch
    return {"training.batch_size": objective.least_batch, "training.accumulation": fewer}


def _with(fitting: Mapping[str, Any], entry: KeyAccount) -> KeyAccount:
    """An entry that sets some of these to other values, with these."""
    found = {key: fitting.get(key, value) for key, value in entry.outcome.settings.items()}
    if found == entry.outcome.settings:
        return entry
    why = "the objective compares the rows of a batch: more at a time, in fewer batches a step"
    return replace(entry, outcome=Outcome("changed", found, why))


def _known() -> dict[str, Setting]:
    return {one.key: one for one in settings()}
