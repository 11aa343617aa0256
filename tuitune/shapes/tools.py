"""Conversations in which tools are called, or that say which tools there are."""

from __future__ import annotations

from tuitune.shapes.messages import read
from tuitune.shapes.shape import BESIDE, Found, Roles, Shape, Sight


def _seen_in(sight: Sight) -> Found | None:
    turns = sight.conversation
    if turns is None or not turns.calls_tools:
        return None
    return Found("tools", (("messages", turns.column),), f"tool calls in {turns.column}")


TOOLS = Shape(
    name="tools",
    roles=Roles(("messages", *BESIDE)),
    seen_in=_seen_in,
    read=read,
    alike="messages",
    prevails="tool calls",
)
