"""Prompts for a model to answer by itself, perhaps with the answer that its own are held against.

They become a conversation without its last answer, `{"messages", "answer"}`.
"""

from __future__ import annotations

import json
from typing import Any

from tuitune.rows.beside import Columns, Values, with_system, with_tools
from tuitune.rows.column_names import CONVERSATIONS, PROMPTS, first
from tuitune.rows.fields import RowProblem, text, value_of
from tuitune.rows.turns import Turn, said_by, turn, turn_list
from tuitune.shapes.shape import Canonical, Found, Roles, Shape, Sight, Writing, listed

ASKED = (*PROMPTS, "problem", "task")
EXPECTED = (
    "answer",
    "solution",
    "ground_truth",
    "final_answer",
    "expected_answer",
    "target",
    "reference",
    "completion",
)
"""Columns of the answer that a model's own is held against, the likeliest first."""


def _seen_in(sight: Sight) -> Found | None:
    expected = first(EXPECTED, sight.values)
    asked = first(ASKED, sight.values)
    if sight.answered is not None or asked is None or not isinstance(sight.values[asked], str | list | dict):
        return None
    columns = {"prompt": asked, **({"answer": expected} if expected else {})}
    return Found("prompts", tuple(columns.items()), listed(columns.values()))


def _read(values: Values, columns: Columns) -> Canonical:
    column = columns.get("prompt") or first((*ASKED, *CONVERSATIONS), values) or "prompt"
    turns = with_system(values, columns, _turns(value_of(values, column), column))
    if turns[-1]["role"] not in ("user", "tool"):
        raise RowProblem(column, f"ends with a {turns[-1]['role']} turn: there is nothing to answer", "role-order")
    beside = columns.get("answer") or (None if "prompt" in columns else first(EXPECTED, values))
    row = with_tools(values, columns, {"messages": turns})
    return row if beside is None or values.get(beside) is None else {**row, "answer": _answer(values[beside], beside)}


def _turns(value: Any, column: str) -> list[Turn]:
    if isinstance(value, dict):
        return [turn(value, column)]
    if isinstance(value, list):
        return turn_list(value, column)
    return [said_by("user", text(value, column))]


def _answer(value: Any, column: str) -> str:
    """What is expected: a text, or JSON, which is held against what a model writes of it."""
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return text(value, column)


def _written(row: Canonical) -> list[Values]:
    """A row of answers becomes what is asked and its last answer, where that is in words; a column called answer would
    make it a row of answers again.
    """
    if "prompt" in row:
        return [{"prompt": row["prompt"], "solution": row["completion"]}]
    if "messages" not in row:
        return []
    turns, beside = row["messages"], {"tools": row["tools"]} if "tools" in row else {}
    if turns[-1]["role"] != "assistant":
        return [{"prompt": turns, **({"solution": row["answer"]} if "answer" in row else {}), **beside}]
    said = turns[-1]["content"]
    return [{"prompt": turns[:-1], "solution": said, **beside}] if said else []


PROMPTS_ALONE = Shape(
    name="prompts",
    rows_are="these are prompts without answers to learn from",
    expected="a prompt, perhaps with its answer",
    teaches="prompts",
    roles=Roles(("prompt", "answer", "system", "tools"), needed=("prompt",), telling="answer"),
    seen_in=_seen_in,
    read=_read,
    written=Writing(
        ("prompts", "answers"), _written, {"a conversation": "its last answer says nothing in words to compare with"}
    ),
    instead="to learn from answers, name their column in data.columns",
)
