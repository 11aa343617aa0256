"""One row of a data file, and why a file or a row cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.problem import Problem, TuituneError
from tuitune.text import clean


class SourceError(TuituneError):
    """A file, set or name that gives no rows at all: missing, empty, of an unknown kind or in another encoding."""

    def __init__(self, path: Path | str, message: str) -> None:
        super().__init__(Problem(clean(str(path), limit=300), message))


@dataclass(frozen=True)
class Row:
    """A row as it lies in the file. `number` counts rows and `line` lines, both from 1; `line` is None where unknown.

    `values` is None where the row cannot be read, and `problem` then says why.
    """

    number: int
    line: int | None
    values: dict[str, Any] | None
    problem: str | None = None
