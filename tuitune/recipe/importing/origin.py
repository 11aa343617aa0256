"""What is said of another trainer: how its configurations are told, what becomes of their keys, and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tuitune.recipe.importing.documents import Document
from tuitune.recipe.importing.outcomes import Rules


@dataclass(frozen=True)
class Part:
    """A document of a configuration, and the rules for its keys."""

    document: Document
    rules: Rules


@dataclass(frozen=True)
class Origin:
    """A trainer whose configurations are read.

    `told_by` names the keys that tell it, in a sentence; `tells` whether a table of keys is one. `parts` are the
    document itself and those that lie beside it. `defaults` are its own values of the recipe's settings where
    tuitune's are others and they change what is trained, from the settings that a configuration gives.
    """

    name: str
    title: str
    told_by: str
    tells: Callable[[Mapping[str, Any]], bool]
    parts: Callable[[Document], list[Part]]
    defaults: Callable[[Mapping[str, Any]], dict[str, Any]]
