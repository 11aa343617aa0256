"""A data file looked through from end to end: its shape, its rows, and everything wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson

from tuitune.data.shapes.convert import to_canonical
from tuitune.data.shapes.detect import Detection, recognise
from tuitune.data.shapes.objectives import ANSWERED
from tuitune.data.shapes.turns import RowProblem
from tuitune.data.sources.names import open_rows
from tuitune.data.sources.rows import Row

SAMPLE = 200
"""Rows that the shape is recognised from."""

REPORTED = 100
"""Problems listed; the rest are counted."""


@dataclass(frozen=True)
class DataProblem:
    """What is wrong with one row. `row` and `line` count from 1; `line` is None where unknown, `field` may be ""."""

    row: int
    line: int | None
    field: str
    message: str


@dataclass(frozen=True)
class Inspection:
    """The report on a file. `duplicates` counts rows equal to an earlier one.

    `problems` are the first hundred of `problem_count`.
    """

    path: str
    rows: int
    shape: str
    columns: dict[str, str]
    reason: str
    problems: list[DataProblem] = field(default_factory=list)
    problem_count: int = 0
    duplicates: int = 0

    def as_json(self) -> dict[str, Any]:
        """The keys of `tuitune data inspect --json`; measures that need a tokenizer, or are not made here, are null."""
        return {**asdict(self), "near_duplicates": None, "lengths": None, "trained_share": None}


def inspect(
    path: Path | str, *, shape: str = "auto", columns: Mapping[str, str] | None = None, limit: int | None = None
) -> Inspection:
    """Read a file to its end (or `limit` rows) and report on it. SourceError where it gives no rows at all.

    `shape` and `columns` as in a recipe: "auto" recognises the shape from the first rows.
    """
    rows = open_rows(path, limit=limit)
    first = list(islice(rows, SAMPLE))
    found = recognise(first, shape, columns or {})
    count = problem_count = duplicates = 0
    problems: list[DataProblem] = []
    seen: set[bytes] = set()
    for row in chain(first, rows):
        count += 1
        if problem := _problem(row, found):
            problem_count += 1
            if len(problems) < REPORTED:
                problems.append(problem)
        if row.values is not None:
            mark = _fingerprint(row.values)
            duplicates += mark in seen
            seen.add(mark)
    return Inspection(str(path), count, found.shape, found.columns, found.reason, problems, problem_count, duplicates)


def _problem(row: Row, found: Detection) -> DataProblem | None:
    if row.values is None:
        return DataProblem(row.number, row.line, "", row.problem or "cannot be read")
    if found.shape not in ANSWERED:
        return None
    try:
        to_canonical(row.values, found.shape, found.columns)
    except RowProblem as problem:
        return DataProblem(row.number, row.line, problem.field, problem.message)
    return None


def _fingerprint(values: dict[str, Any]) -> bytes:
    try:
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = json.dumps(values, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=12).digest()
