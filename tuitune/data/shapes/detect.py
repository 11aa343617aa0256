"""Shapes of data: what a row is made of, recognised from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tuitune.data.rows.column_names import (
    CONVERSATIONS,
    LABELS,
    PROMPTS,
    SYSTEMS,
    TEXTS,
    TOOLS,
    alpaca_columns,
    conversation_column,
    exchange,
    first,
    opening_turn,
    pair_columns,
    preference_columns,
    usual_name,
)
from tuitune.data.rows.fields import RowProblem, names_of
from tuitune.data.rows.turns import CALLING, ROLES, turn_keys
from tuitune.data.shapes.convert import to_canonical, truth
from tuitune.data.shapes.preferences import to_preference, to_unpaired
from tuitune.data.shapes.vision import media_column
from tuitune.data.sources.rows import Row
from tuitune.recipe.roles import shape_of

CHATS = ("messages", "sharegpt", "tools")
"""Shapes that are read alike: one file may hold all of them."""

EXPECTED = (
    "expected instruction and output (Alpaca), messages, conversations (ShareGPT), prompt and completion, "
    "a pair such as question and answer, or text"
)


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


@dataclass(frozen=True)
class _Found:
    """What one row is taken for: the shape, the columns by role, and what tells it."""

    shape: str
    columns: tuple[tuple[str, str], ...]
    evidence: str

    @property
    def alike(self) -> tuple[Any, ...]:
        """Equal for rows that are read in one way."""
        return ("chat" if self.shape in CHATS else self.shape, self.columns)


def recognise(rows: list[Row], shape: str = "auto", columns: Mapping[str, str] | None = None) -> Detection:
    """The shape of rows as a recipe's `data.shape` and `data.columns` ask for it: given, or recognised."""
    columns = dict(columns or {})
    if columns and shape == "auto":
        shape = shape_of(columns)
    readable = [row.values for row in rows if row.values is not None]
    if shape == "auto" and rows and not readable:
        unreadable = f"no row can be read; {rows[0].place}: {rows[0].problem}"
        return Detection("unknown", reason=unreadable, unreadable=unreadable)
    if shape == "auto":
        return detect(readable)
    return Detection(shape, columns, "as the recipe says", _fitting(readable, shape, columns))


def _fitting(rows: Sequence[Mapping[str, Any]], shape: str, columns: Mapping[str, str]) -> float:
    """The share of rows that can be read as a shape; all of none."""
    convert = {"preference": to_preference, "unpaired-preference": to_unpaired}.get(shape, to_canonical)
    usable = 0
    for row in rows:
        with suppress(RowProblem):
            convert(row, shape, columns)
            usable += 1
    return usable / len(rows) if rows else 1.0


def detect(rows: Sequence[Mapping[str, Any]]) -> Detection:
    """The shape of the rows, by what most of them hold; `unknown` where that is nothing known.

    Names of columns are known in any case, with blanks and hyphens too: `Question`, `System Prompt`.
    """
    usual = _usual_names(rows)
    found = _detect([{usual.get(name, name): value for name, value in row.items()} for row in rows] if usual else rows)
    if not usual or found.shape == "unknown":
        return _detect(rows) if usual else found
    written = {known: name for name, known in usual.items()}
    return replace(found, columns={role: written.get(name, name) for role, name in found.columns.items()})


def _usual_names(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Names of columns that data sets write otherwise, and how they do; the first of several for one."""
    names = dict.fromkeys(name for row in rows for name in row)
    found: dict[str, str] = {}
    for name in names:
        if (usual := usual_name(name)) not in names:
            found.setdefault(usual, name)
    return {name: usual for usual, name in found.items()}


def _detect(rows: Sequence[Mapping[str, Any]]) -> Detection:
    if not rows:
        return Detection("unknown", reason="there are no rows")
    label = _label(rows)
    found = [one for row in rows if (one := _recognise(row, label)) is not None]
    if not found:
        names = Counter(tuple(row) for row in rows).most_common(1)[0][0]
        return Detection("unknown", reason=f"found {names_of(dict.fromkeys(names))}; {EXPECTED}")
    alike, count = Counter(one.alike for one in found).most_common(1)[0]
    kinds = Counter(one for one in found if one.alike == alike)
    calling = sum(number for one, number in kinds.items() if one.shape == "tools")
    usual = max(kinds, key=lambda one: (one.shape != "tools", kinds[one]))
    reason = f"{usual.evidence} in {count:,} of {len(rows):,} rows"
    if 0 < calling < count:
        reason += f", tool calls in {calling:,}"
    columns = dict(usual.columns)
    if usual.shape != "text" and (system := _system(rows)):
        columns["system"] = system
    if calling and (tools := next((name for row in rows if (name := first(TOOLS, row))), None)):
        columns["tools"] = tools
    return Detection("tools" if calling else usual.shape, columns, reason, count / len(rows))


def _system(rows: Sequence[Mapping[str, Any]]) -> str | None:
    return next((name for name in SYSTEMS if any(isinstance(row.get(name), str) for row in rows)), None)


def _label(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column that labels answers as good or bad: it holds true and false, or nothing but 1 and 0."""
    for name in LABELS:
        held = [row[name] for row in rows if row.get(name) is not None]
        if held and (any(isinstance(one, bool) for one in held) or all(_is_truth(one) for one in held)):
            return name
    return None


def _is_truth(value: Any) -> bool:
    try:
        truth(value, "")
    except RowProblem:
        return False
    return True


def _recognise(row: Mapping[str, Any], label: str | None) -> _Found | None:
    """What one row is; the likeliest meaning comes first."""
    answered = _answered(row)
    if media := media_column(row):
        columns = answered.columns if answered and media not in CONVERSATIONS else ()
        return _Found("vision", columns, f"image parts in {media}" if media in CONVERSATIONS else f"images in {media}")
    if compared := preference_columns(row):
        return _preference(row, compared)
    if answered and label and row.get(label) is not None and answered.shape != "text":
        columns = (*answered.columns, ("label", label))
        return _Found("unpaired-preference", columns, f"an answer and {label}")
    return answered


def _answered(row: Mapping[str, Any]) -> _Found | None:
    """A row that holds one answer to learn from."""
    if column := conversation_column(row):
        return _chat(row, column)
    if alpaca := alpaca_columns(row):
        usual = (alpaca["input"], alpaca["output"]) == ("input", "output")
        names = (alpaca["instruction"], alpaca["output"]) if usual else alpaca.values()
        return _Found("alpaca", tuple(alpaca.items()), _listed(names))
    if pair := pair_columns(row):
        shape = "prompt-completion" if tuple(pair.values()) == ("prompt", "completion") else "columns"
        return _Found(shape, tuple(pair.items()), _listed(pair.values()))
    name = next((name for name in TEXTS if isinstance(row.get(name), str)), None)
    return _Found("text", (("text", name),), f"text in {name}") if name else None


def _preference(row: Mapping[str, Any], compared: dict[str, str]) -> _Found:
    """Chosen and rejected, after a prompt of their own or with it in themselves."""
    evidence = _listed(compared.values())
    opening = opening_turn(row[compared["chosen"]])
    if opening is not None and ROLES.get(str(opening.get(turn_keys(opening)[0])).lower()) != "assistant":
        return _Found("preference", tuple(compared.items()), f"whole conversations in {evidence}")
    prompt = first(PROMPTS, row) or conversation_column(row)
    asked = {"prompt": prompt} if prompt else {}
    if prompt == "instruction" and "input" in row:
        asked = {"instruction": "instruction", "input": "input"}
    columns = {**asked, **compared}
    return _Found("preference", tuple(columns.items()), f"{prompt}, {evidence}" if prompt else evidence)


def _chat(row: Mapping[str, Any], column: str) -> _Found:
    """A conversation; one with tool calls or tools where any turn or column has them."""
    columns = (("messages", column),)
    opening = opening_turn(row[column]) or {}
    if "role" not in opening and (pair := exchange(opening)):
        return _Found("messages", columns, f"{column} with {pair[0]} and {pair[1]}")
    turns = row[column] if isinstance(row[column], list) else [opening]
    roles = [one.get(turn_keys(one)[0]) for one in turns if isinstance(one, Mapping)]
    calling = any(isinstance(one, Mapping) and (one.get("tool_calls") or one.get("function_call")) for one in turns)
    told = first(TOOLS, row)
    if calling or any(_is_tool(role) for role in roles) or (told and row[told] not in ("", [], "[]")):
        return _Found("tools", columns, f"tool calls in {column}")
    role, content = turn_keys(opening)
    return _Found("sharegpt" if role == "from" else "messages", columns, f"{column} with {role} and {content}")


def _is_tool(role: Any) -> bool:
    """Whether a role is one of a tool, or of a call."""
    name = role.strip().lower() if isinstance(role, str) else ""
    return ROLES.get(name) == "tool" or name in CALLING


def _listed(names: Any) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
