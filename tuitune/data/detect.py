"""Shapes of data: what a row is made of, recognised from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tuitune.data.sources.rows import Row
from tuitune.rows.beside import Columns, Values
from tuitune.rows.column_names import SYSTEMS, TOOLS, first, usual_name
from tuitune.rows.fields import names_of
from tuitune.shapes import SHAPES, expected, is_usable, shape_of
from tuitune.shapes.shape import ANSWERING, Found, Shape, Sight
from tuitune.shapes.unpaired_preference import label_column

SAMPLE = 200
"""Rows that the shape is recognised from."""

UNKNOWN = "unknown"
"""The shape of rows that have none."""

_ANSWERING = [shape for shape in SHAPES.values() if shape.teaches in ANSWERING]
_SAYING_MORE = [shape for shape in SHAPES.values() if shape.teaches not in ANSWERING]


@dataclass(frozen=True)
class Detection:
    """The shape most rows have. `columns` maps roles to column names, `share` is 0 to 1, `reason` says why in words.

    `unreadable` says what is wrong with the first of the rows where none of them can be read, as in another encoding.
    """

    shape: str
    columns: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    share: float = 0.0
    unreadable: str = ""


def recognise(rows: list[Row], shape: str = "auto", columns: Columns | None = None) -> Detection:
    """The shape of rows as a recipe's `data.shape` and `data.columns` ask for it: given, or recognised."""
    columns = dict(columns or {})
    if columns and shape == "auto":
        shape = shape_of(columns, SHAPES)
    readable = [row.values for row in rows if row.values is not None]
    if shape == "auto" and rows and not readable:
        unreadable = f"no row can be read; {rows[0].place}: {rows[0].problem}"
        return Detection(UNKNOWN, reason=unreadable, unreadable=unreadable)
    if shape == "auto":
        return detect(readable)
    usable = sum(is_usable(row, shape, columns) for row in readable)
    return Detection(shape, columns, "as the recipe says", usable / len(readable) if readable else 1.0)


def detect(rows: Sequence[Values]) -> Detection:
    """The shape of the rows, by what most of them hold; `unknown` where that is nothing known.

    Names of columns are known in any case, with blanks and hyphens too: `Question`, `System Prompt`.
    """
    usual = _usual_names(rows)
    found = _detect([{usual.get(name, name): value for name, value in row.items()} for row in rows] if usual else rows)
    if not usual or found.shape == UNKNOWN:
        return _detect(rows) if usual else found
    written = {known: name for name, known in usual.items()}
    return replace(found, columns={role: written.get(name, name) for role, name in found.columns.items()})


def _usual_names(rows: Sequence[Values]) -> dict[str, str]:
    """Names of columns that data sets write otherwise, and how they do; the first of several for one."""
    names = dict.fromkeys(name for row in rows for name in row)
    found: dict[str, str] = {}
    for name in names:
        if (usual := usual_name(name)) not in names:
            found.setdefault(usual, name)
    return {name: usual for usual, name in found.items()}


def _detect(rows: Sequence[Values]) -> Detection:
    if not rows:
        return Detection(UNKNOWN, reason="there are no rows")
    label = label_column(rows)
    found = [one for row in rows if (one := _taken_for(row, label)) is not None]
    if not found:
        names = Counter(tuple(row) for row in rows).most_common(1)[0][0]
        return Detection(UNKNOWN, reason=f"found {names_of(dict.fromkeys(names))}; {expected(ANSWERING)}")
    alike, count = Counter(map(_reading, found)).most_common(1)[0]
    kinds = Counter(one for one in found if _reading(one) == alike)
    usual = max(kinds, key=lambda one: (not SHAPES[one.shape].prevails, kinds[one]))
    reason = f"{usual.evidence} in {count:,} of {len(rows):,} rows"
    shape, columns = SHAPES[usual.shape], dict(usual.columns)
    prevailing = Counter(one.shape for one in kinds.elements() if SHAPES[one.shape].prevails)
    system = next((name for name in SYSTEMS if any(isinstance(row.get(name), str) for row in rows)), None)
    if system and "system" in shape.roles.names:
        columns["system"] = system
    if prevailing:
        kind, often = prevailing.most_common(1)[0]
        shape = SHAPES[kind]
        reason += f", {shape.prevails} in {often:,}" if often < count else ""
        if tools := next((name for row in rows if (name := first(TOOLS, row))), None):
            columns["tools"] = tools
    return Detection(shape.name, columns, reason, count / len(rows))


def _reading(found: Found) -> tuple[Any, ...]:
    """Equal for rows that are read in one way."""
    return SHAPES[found.shape].alike or found.shape, found.columns


def _taken_for(row: Values, label: str | None) -> Found | None:
    """What one row is: what it holds besides an answer tells more than the answer."""
    sight = Sight(row, label)
    answered = _first(_ANSWERING, sight)
    return _first(_SAYING_MORE, replace(sight, answered=answered)) or answered


def _first(shapes: Sequence[Shape], sight: Sight) -> Found | None:
    return next((found for shape in shapes if (found := shape.seen_in(sight))), None)
