"""What a row says beside its answer: a system text and tools, whether the answer is good, and what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.rows.column_names import SYSTEMS, TOOLS, first
from tuitune.rows.fields import RowProblem, kind_of, quoted, text, value_of
from tuitune.rows.tool_calls import tools_of
from tuitune.rows.turns import WEIGHTS, Turn, said_by

Values = Mapping[str, Any]
Columns = Mapping[str, str]

_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def check_learned(values: Values, columns: Columns) -> None:
    """RowProblem where the row says of its answer that it is bad, or not to be learned."""
    if "label" in columns and not truth(value_of(values, columns["label"]), columns["label"]):
        raise RowProblem(columns["label"], "labelled as a bad answer, so there is nothing to learn from", "no-answer")
    for name in WEIGHTS:
        if isinstance(weight := values.get(name), bool | int | float) and weight == 0:
            shown = str(weight).lower()
            raise RowProblem(name, f"is {shown}, so there is nothing to learn from the row", "no-answer")


def instruction(values: Values, asked: str, given: str) -> str:
    """An instruction and, a blank line below, what it is about."""
    question = text(value_of(values, asked), asked)
    extra = text(values.get(given), given, empty=True)
    return f"{question}\n\n{extra}" if extra.strip() else question


def with_system(values: Values, columns: Columns, turns: list[Turn]) -> list[Turn]:
    """The turns after what the system column says, unless they have a system turn of their own."""
    column = columns.get("system") or first(SYSTEMS, values)
    if column is None or turns[0]["role"] == "system":
        return turns
    said = text(values.get(column), column, empty=True)
    return [said_by("system", said), *turns] if said.strip() else turns


def says_beside(values: Values, columns: Columns) -> bool:
    """Whether a row has a system text or tools of its own, which only a conversation can hold."""
    system = values.get(columns.get("system") or first(SYSTEMS, values) or "")
    return bool(system.strip() if isinstance(system, str) else system) or "tools" in with_tools(values, columns, {})


def with_tools(values: Values, columns: Columns, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the tools that the model is told of, where there are any."""
    column = columns.get("tools") or first(TOOLS, values)
    tools = tools_of(values.get(column), column) if column else None
    return {**row, "tools": tools} if tools else row


def truth(value: Any, field: str) -> bool:
    """A label that calls an answer good or bad: true or false, 1 or 0, also written as text."""
    if isinstance(value, str):
        found = _TRUTHS.get(value.strip().lower())
    else:
        found = bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
    if found is None:
        shown = quoted(value) if isinstance(value, str) else kind_of(value)
        raise RowProblem(field, f"expected true or false, found {shown}", "missing" if value is None else "type")
    return found
