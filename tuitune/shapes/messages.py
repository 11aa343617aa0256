"""Conversations as OpenAI writes them: `messages` with `role` and `content`, in every spelling but ShareGPT's."""

from __future__ import annotations

from tuitune.rows.beside import Columns, Values, with_system, with_tools
from tuitune.rows.column_names import CONVERSATIONS, first
from tuitune.rows.fields import value_of
from tuitune.rows.plain import of_turns
from tuitune.rows.turns import check_order, said_by, turn_list
from tuitune.shapes.shape import ANSWERING, BESIDE, Canonical, Found, Plain, Roles, Shape, Sight, Writing


def _seen_in(sight: Sight) -> Found | None:
    turns = sight.conversation
    if turns is None or turns.calls_tools or turns.keys[0] == "from":
        return None
    return Found("messages", (("messages", turns.column),), turns.evidence)


def read(values: Values, columns: Columns) -> Canonical:
    """A conversation of any spelling."""
    column = columns.get("messages") or first(CONVERSATIONS, values) or "messages"
    turns = turn_list(value_of(values, column), column)
    check_order(turns, column)
    return with_tools(values, columns, {"messages": with_system(values, columns, turns)})


def _written(row: Canonical) -> list[Values]:
    if "prompt" in row:
        return [{"messages": [said_by("user", row["prompt"]), said_by("assistant", row["completion"])]}]
    return [row] if "messages" in row else []


MESSAGES = Shape(
    name="messages",
    expected="messages",
    roles=Roles(("messages", *BESIDE), telling="messages"),
    seen_in=_seen_in,
    read=read,
    plain=Plain(("messages",), lambda column: of_turns(column, "role", "content")),
    written=Writing(ANSWERING, _written, {"plain text": "no part of it is marked as the answer; train on it as it is"}),
)
