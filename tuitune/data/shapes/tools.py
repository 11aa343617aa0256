"""Conversations in which tools are called, or that say which tools there are."""

from __future__ import annotations

from tuitune.data.shapes.messages import ROWS_ARE, read
from tuitune.data.shapes.shape import Found, Shape, Sight
from tuitune.recipe.roles import ROLES_OF


def _seen_in(sight: Sight) -> Found | None:
    talk = sight.talk
    if talk is None or not talk.calls_tools:
        return None
    return Found("tools", (("messages", talk.column),), f"tool calls in {talk.column}")


TOOLS = Shape(
    name="tools",
    rows_are=ROWS_ARE,
    teaches="answers",
    roles=ROLES_OF["tools"],
    seen_in=_seen_in,
    read=read,
    alike="messages",
    prevails="tool calls",
)
