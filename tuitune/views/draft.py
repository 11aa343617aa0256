"""The recipe while it is being composed: a history of immutable versions, with what was typed wrongly kept beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuitune.problem import Problem
from tuitune.recipe import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import parse_value, setting, settings, show_value


@dataclass(frozen=True)
class Refused:
    """What a person typed into a field that the field does not take, and why."""

    text: str
    message: str


@dataclass(frozen=True)
class Version:
    """One moment of a draft: the valid values, and the refused text of each field that has one."""

    recipe: Recipe
    refused: Mapping[str, Refused] = field(default_factory=dict)


def value_of(recipe: Recipe, key: str) -> Any:
    """The value of `key` ("adapter.rank") in `recipe`."""
    section, name = key.split(".")
    return getattr(getattr(recipe, section), name)


class Draft:
    """A recipe with undo. Every change is a step; a change that alters nothing is none."""

    def __init__(self, start: Recipe | Version | None = None) -> None:
        self._versions = [start if isinstance(start, Version) else Version(start or Recipe())]
        self._at = 0
        self.told: Callable[[Version], object] = lambda version: None
        """Called with the version at each step, back and forth."""

    @property
    def version(self) -> Version:
        return self._versions[self._at]

    @property
    def recipe(self) -> Recipe:
        """The valid values; where refused text stands in a field, the value it had before."""
        return self.version.recipe

    @property
    def refused(self) -> Mapping[str, Refused]:
        return self.version.refused

    def text(self, key: str) -> str:
        """What the field shows: the refused text where there is one, else its value."""
        if key in self.refused:
            return self.refused[key].text
        return show_value(setting(key), value_of(self.recipe, key))

    def is_changed(self, key: str) -> bool:
        """Whether the field differs from its default."""
        return key in self.refused or value_of(self.recipe, key) != setting(key).default

    def changed(self) -> list[str]:
        """Keys that differ from their defaults, in the order of the form."""
        return [one.key for one in settings() if self.is_changed(one.key)]

    def problems(self) -> list[Problem]:
        """What is wrong: refused texts first, then values that do not go together."""
        refused = [Problem(key, entry.message) for key, entry in self.refused.items()]
        return refused + check.problems(self.recipe)

    def trial(self, key: str, text: str) -> Version:
        """The version that typing `text` into `key` would make; nothing is recorded."""
        refused = {other: entry for other, entry in self.refused.items() if other != key}
        try:
            return Version(with_values(self.recipe, {key: parse_value(setting(key), text)}), refused)
        except ValueError as error:
            return Version(self.recipe, {**refused, key: Refused(text, str(error))})

    def set_text(self, key: str, text: str) -> str | None:
        """Record what was typed into `key`; returns why it was refused, if it was."""
        self._record(self.trial(key, text))
        entry = self.refused.get(key)
        return entry.message if entry else None

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Change several fields in one step; ValueError, and no change, where a field does not take its value."""
        refused = {key: entry for key, entry in self.refused.items() if key not in values}
        self._record(Version(with_values(self.recipe, values), refused))

    def replace(self, recipe: Recipe) -> None:
        """Put another recipe in place of this one, as one step."""
        self._record(Version(recipe))

    def reset(self, keys: Iterable[str]) -> None:
        """Put fields back to their defaults."""
        self.set_values({key: setting(key).default for key in keys})

    @property
    def can_undo(self) -> bool:
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        return self._at + 1 < len(self._versions)

    def undo(self) -> list[str] | None:
        """Take back the last step; returns the keys it had changed, or None at the beginning."""
        return self._move(-1)

    def redo(self) -> list[str] | None:
        """Make the step again that was taken back; None where there is none."""
        return self._move(1)

    def _move(self, by: int) -> list[str] | None:
        if not 0 <= self._at + by < len(self._versions):
            return None
        before, self._at = self.version, self._at + by
        self.told(self.version)
        return _differing(before, self.version)

    def _record(self, version: Version) -> None:
        if version == self.version:
            return
        self._versions[self._at + 1 :] = [version]
        self._at += 1
        self.told(version)


def _differing(one: Version, other: Version) -> list[str]:
    def shown(version: Version, key: str) -> object:
        return version.refused.get(key) or value_of(version.recipe, key)

    return [each.key for each in settings() if shown(one, each.key) != shown(other, each.key)]
