"""Catalogues: entries that ship with tuitune in a TOML file, and what a user adds or changes in a file of that name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuitune import plain
from tuitune.paths import config_home, shipped
from tuitune.problem import Problem, TuituneError
from tuitune.text import clean, redact

_LIMIT = 1_000_000
"""Bytes of a file that is read."""


class CatalogueEntry(BaseModel):
    """One table of a catalogue; `name` is its heading. The description of a field says what is expected there."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=200, description="a name of 1 to 200 characters")

    @staticmethod
    def key(name: str) -> str:
        """What names of the same entry share."""
        return name.casefold()


Kind = TypeVar("Kind", bound=CatalogueEntry)


@dataclass(frozen=True)
class Entries(Generic[Kind]):
    """Entries by their keys, in the order of the files, and what is wrong with those that are left out."""

    kind: type[Kind]
    entries: Mapping[str, Kind]
    problems: tuple[Problem, ...]

    def find(self, name: str) -> Kind | None:
        """The entry of that name, however it is spelled; None where there is none."""
        return self.entries.get(self.kind.key(name))

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.entries.values())


def load(kind: type[Kind], file: str) -> Entries[Kind]:
    """The shipped `file`, then the user's in the configuration folder: a new name adds an entry, a known one replaces
    the fields that it writes. Read anew only when the user's file has changed; never raises for what is in it.

    A table that is wrong is left out, so that of a known entry what was shipped stays.
    """
    try:
        own: Path | None = config_home() / file
    except TuituneError:  # a user without a home folder has no file there
        own = None
    state = plain.stat_of(own) if own else None
    return _loaded(kind, file, own, (state.st_mtime_ns, state.st_size, state.st_ino) if state else None)


@lru_cache(maxsize=8)
def _loaded(kind: type[Kind], file: str, own: Path | None, _state: object) -> Entries[Kind]:
    entries: dict[str, Kind] = {}
    problems: list[Problem] = []
    for path in (shipped("catalogue") / file, *([own] if own else [])):
        seen: set[str] = set()
        for name, table in _tables(path, problems).items():
            place, key = f"{path} [{clean(redact(name), limit=80)}]", kind.key(name)
            if not isinstance(table, dict):
                problems.append(Problem(place, f"expected a table of fields, found {_shown(table)}"))
            elif key in seen:
                problems.append(Problem(place, "named twice in this file, in another spelling"))
            elif "name" in table:
                problems.append(Problem(f"{place} name", "unknown field: the heading is the name"))
            else:
                seen.add(key)
                known = entries[key].model_dump(exclude_unset=True) if key in entries else {"name": name}
                try:
                    entries[key] = kind.model_validate(known | table)
                except ValidationError as error:
                    problems += _wrong(kind, place, error)
    return Entries(kind, entries, tuple(problems))


def _tables(path: Path, problems: list[Problem]) -> dict[str, Any]:
    """The tables of a file; none where there is no such file, or it is no TOML, which is a problem."""
    try:
        return tomllib.loads(plain.read(path, _LIMIT).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        wrong = error.strerror or str(error)
    except UnicodeDecodeError as error:
        wrong = f"not UTF-8 text, from byte {error.start:,} on"
    except (ValueError, RecursionError) as error:
        wrong = f"not TOML: {error}"
    problems.append(Problem(str(path), f"left out whole: {clean(redact(wrong), limit=200)}"))
    return {}


def _wrong(kind: type[CatalogueEntry], place: str, error: ValidationError) -> list[Problem]:
    """Every wrong field of an entry: what was expected there, and what was found."""
    found: dict[str, Problem] = {}
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        field = kind.model_fields.get(name)
        expected = f"expected {field.description}" if field else ""
        match one["type"]:
            case "extra_forbidden":
                message = f"unknown field; there are {', '.join([*kind.model_fields][1:])}"
            case "missing":
                message = f"missing; {expected}"
            case "value_error":
                message = str(one["ctx"]["error"])
            case _:
                message = f"{expected}, found {_shown(one['input'])}"
        where = " ".join(filter(None, (place, clean(redact(name), limit=80) if name != "name" else "")))
        found.setdefault(name, Problem(where, message))
    return list(found.values())


def _shown(value: object) -> str:
    """A value as a message quotes it: inert, short and with secrets hidden."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)
    return clean(redact(text[:4000]), limit=60)
