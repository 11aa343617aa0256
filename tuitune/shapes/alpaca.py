"""Alpaca: an instruction, what it is about, and its answer; earlier rounds perhaps in LLaMA-Factory's `history`."""

from __future__ import annotations

from typing import Any

from tuitune.rows.beside import Columns, Values, instruction, with_system, with_tools
from tuitune.rows.fields import RowProblem, kind_of, text, value_of
from tuitune.rows.plain import of_instruction
from tuitune.rows.turns import Turn, said_by
from tuitune.shapes.shape import BESIDE, Canonical, Found, Plain, Roles, Shape, Sight, listed


def alpaca_columns(values: Values) -> dict[str, str] | None:
    """Columns of an instruction, what it is about, and its answer."""
    given = next((name for name in ("input", "context") if name in values), None)
    said = next((name for name in ("output", "response") if name in values), None)
    if "instruction" not in values or said is None or (said != "output" and given is None):
        return None
    return {"instruction": "instruction", "input": given or "input", "output": said}


def _seen_in(sight: Sight) -> Found | None:
    if (columns := alpaca_columns(sight.values)) is None:
        return None
    usual = (columns["input"], columns["output"]) == ("input", "output")
    names = (columns["instruction"], columns["output"]) if usual else columns.values()
    return Found("alpaca", tuple(columns.items()), listed(names))


def _read(values: Values, columns: Columns) -> Canonical:
    output = columns.get("output", "output")
    answer = text(value_of(values, output), output)
    asked = instruction(values, columns.get("instruction", "instruction"), columns.get("input", "input"))
    turns = [*_history(values), said_by("user", asked), said_by("assistant", answer)]
    return with_tools(values, columns, {"messages": with_system(values, columns, turns)})


def _history(values: Values) -> list[Turn]:
    history = values.get("history") or []
    if not isinstance(history, list):
        raise RowProblem("history", f"expected a list of pairs, found {kind_of(history)}", "type")
    turns: list[dict[str, Any]] = []
    for number, pair in enumerate(history):
        where = f"history[{number}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowProblem(where, "expected a question and its answer", "type")
        turns += [said_by("user", text(pair[0], where)), said_by("assistant", text(pair[1], where))]
    return turns


ALPACA = Shape(
    name="alpaca",
    expected="instruction and output (Alpaca)",
    roles=Roles(("instruction", "input", "output", *BESIDE), telling="output"),
    seen_in=_seen_in,
    read=_read,
    plain=Plain(("instruction", "input", "output"), of_instruction),
)
