"""Conversations as ShareGPT writes them: `conversations` with `from` and `value`."""

from __future__ import annotations

from tuitune.data.rows.plain import of_turns
from tuitune.data.shapes.messages import read
from tuitune.data.shapes.shape import Found, Plain, Shape, Sight
from tuitune.recipe.roles import ROLES_OF


def _seen_in(sight: Sight) -> Found | None:
    turns = sight.conversation
    if turns is None or turns.calls_tools or turns.keys[0] != "from":
        return None
    return Found("sharegpt", (("messages", turns.column),), turns.evidence)


SHAREGPT = Shape(
    name="sharegpt",
    expected="conversations (ShareGPT)",
    roles=ROLES_OF["sharegpt"],
    seen_in=_seen_in,
    read=read,
    alike="messages",
    plain=Plain(("messages",), lambda column: of_turns(column, "from", "value")),
)
