"""Conversations as ShareGPT writes them: `conversations` with `from` and `value`."""

from __future__ import annotations

from tuitune.data.rows.plain import of_turns
from tuitune.data.shapes.messages import ROWS_ARE, read
from tuitune.data.shapes.shape import Found, Plain, Shape, Sight
from tuitune.recipe.roles import ROLES_OF


def _seen_in(sight: Sight) -> Found | None:
    talk = sight.talk
    if talk is None or talk.calls_tools or talk.keys[0] != "from":
        return None
    return Found("sharegpt", (("messages", talk.column),), talk.evidence)


SHAREGPT = Shape(
    name="sharegpt",
    rows_are=ROWS_ARE,
    expected="conversations (ShareGPT)",
    teaches="answers",
    roles=ROLES_OF["sharegpt"],
    seen_in=_seen_in,
    read=read,
    alike="messages",
    plain=Plain(frozenset({"messages"}), lambda columns: of_turns(columns["messages"], "from", "value")),
)
