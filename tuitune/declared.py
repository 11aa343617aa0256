"""What the files of a folder declare: whoever adds a file has added what it declares, and there is no list to keep."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules(package: str) -> Iterator[ModuleType]:
    """The modules of a package, by name; not those that begin with an underscore."""
    for found in iter_modules(import_module(package).__path__, f"{package}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield import_module(found.name)


def declared(package: str, kind: type[T]) -> list[T]:
    """Every value of a kind that has a name in a module of a package, once, in the order of the modules."""
    named = (value for module in modules(package) for value in vars(module).values() if isinstance(value, kind))
    return list({id(value): value for value in named}.values())
