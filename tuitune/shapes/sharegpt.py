"""Conversations as ShareGPT writes them: `conversations` with `from` and `value`."""

from __future__ import annotations

from tuitune.rows.plain import of_turns
from tuitune.shapes.messages import read
from tuitune.shapes.shape import BESIDE, Found, Plain, Roles, Shape, Sight


def _seen_in(sight: Sight) -> Found | None:
    turns = sight.conversation
    if turns is None or turns.calls_tools or turns.keys[0] != "from":
        return None
    return Found("sharegpt", (("messages", turns.column),), turns.evidence)


SHAREGPT = Shape(
    name="sharegpt",
    expected="conversations (ShareGPT)",
    roles=Roles(("messages", *BESIDE)),
    seen_in=_seen_in,
    read=read,
    alike="messages",
    plain=Plain(("messages",), lambda column: of_turns(column, "from", "value")),
)
