"""One row of a source, and why a source or a row cannot be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tuitune.problem import Problem, TuituneError
from tuitune.text import clean, redact

LONGEST = 8 << 20
"""Bytes of the longest single row that is read: more than any model's context holds."""

DEEPEST = 100
"""Levels of nesting in the deepest row that is taken."""

_UNCHANGED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


class SourceError(TuituneError):
    """A file, set or name that gives no rows at all: missing, of an unknown kind or in another encoding."""

    def __init__(self, path: Path | str, message: str) -> None:
        super().__init__(Problem(clean(redact(str(path)), limit=300), message))


class EmptySourceError(SourceError):
    """A file in order, that has no rows in it."""


@dataclass(frozen=True)
class Row:
    """A row as it lies in its source. `number` counts the rows of the whole source and `line` the lines of its file,
    both from 1; `line` is None where unknown. `file` names the file where the source has several.

    `values` is None where the row cannot be read, and `problem` then says why. `marked` is the row's mark where its
    values are not as they lie in the source.
    """

    number: int
    line: int | None
    values: dict[str, Any] | None
    problem: str | None = None
    file: str | None = None
    marked: str = ""

    @property
    def place(self) -> str:
        """`row 7`, `row 7 (line 9)`, `row 7 (part-2.jsonl, line 9)`: where a person finds it."""
        inside = [clean(self.file, limit=100)] if self.file else []
        inside += [f"line {self.line}"] if self.line else []
        return f"row {self.number}" + (f" ({', '.join(inside)})" if inside else "")


def name_of(source: str) -> str:
    """A source's name for a message or a record: an address without the credentials in it."""
    return clean(redact(source), limit=200)


def mark(row: Row) -> str:
    """16 hex digits that stand for the content of a row: the BLAKE2b hash of its values, whatever their order.

    The same values have the same mark in every file and place. A row that cannot be read has that of its number and
    problem.
    """
    if row.marked:
        return row.marked
    if row.values is None:
        content = f"{row.number}:{row.problem}".encode(errors="surrogatepass")
    else:
        content = content_of(row.values)
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def content_of(values: Mapping[str, Any]) -> bytes:
    """The values of a row, whatever the order of their keys; 1.10 and 1.1 are the same."""
    try:
        return orjson.dumps(values, _plain_number, _UNCHANGED)
    except TypeError:
        return json.dumps(values, sort_keys=True, default=str).encode()


def _plain_number(value: Any) -> float:
    if isinstance(value, float):
        return float(value)
    raise TypeError
