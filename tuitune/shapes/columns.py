"""Pairs of columns: a question and its answer under any names, each a text, a turn or turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.rows.beside import Columns, Values, with_system, with_tools
from tuitune.rows.fields import RowProblem, names_of, text, value_of
from tuitune.rows.plain import of_texts
from tuitune.rows.turns import Turn, check_order, said_by, turn, turn_list
from tuitune.shapes import text as plain_text
from tuitune.shapes.shape import BESIDE, Canonical, Found, Plain, Roles, Shape, Sight, listed

PAIRS = (
    ("question", "answer"),
    ("query", "response"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("input", "output"),
    ("question", "response"),
    ("query", "answer"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("instruction", "completion"),
    ("input", "target"),
    ("source", "target"),
    ("user", "assistant"),
)
"""Columns recognised as a prompt and its completion, the likeliest first."""

PLAIN_PAIR = Plain(("prompt", "completion"), of_texts)


def pair_columns(values: Values) -> dict[str, str] | None:
    """Columns of a prompt and its completion, by their usual names."""
    if "prompt" in values and "completion" in values:
        return {"prompt": "prompt", "completion": "completion"}
    pair = next((pair for pair in PAIRS if pair[0] in values and pair[1] in values), None)
    return {"prompt": pair[0], "completion": pair[1]} if pair else None


def _seen_in(sight: Sight) -> Found | None:
    pair = pair_columns(sight.values)
    return Found("columns", tuple(pair.items()), listed(pair.values())) if pair else None


def read(values: Values, columns: Columns) -> Canonical:
    """The turns of both sides, and what the row says beside them."""
    if "text" in columns:
        return plain_text.read(values, columns)
    if "prompt" not in columns or "completion" not in columns:
        if (found := pair_columns(values)) is None:
            raise RowProblem(
                "", f"no pair of columns such as question and answer; it has {names_of(values)}", "missing"
            )
        columns = {**found, **columns}
    prompt = _side(value_of(values, columns["prompt"]), columns["prompt"], "user")
    completion = _side(value_of(values, columns["completion"]), columns["completion"], "assistant")
    turns = with_system(values, columns, [*prompt, *completion])
    check_order(turns, columns["completion"])
    return with_tools(values, columns, {"messages": turns})


def _side(value: Any, column: str, role: str) -> list[Turn]:
    """One side of a pair: plain text said by `role`, a turn, or turns."""
    if isinstance(value, Mapping):
        return [turn(value, column)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and "type" not in value[0]:
        return turn_list(value, column)
    return [said_by(role, text(value, column))]


PAIR = Roles(("prompt", "completion", *BESIDE), needed=("prompt", "completion"))

COLUMNS = Shape(
    name="columns",
    expected="a pair such as question and answer",
    roles=PAIR,
    seen_in=_seen_in,
    read=read,
    plain=PLAIN_PAIR,
)
