"""A conversation in a row: where it stands and how it is spelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuitune.data.rows.column_names import TOOLS, conversation_column, exchange, first, opening_turn
from tuitune.data.rows.turns import CALLING, ROLES, turn_keys


@dataclass(frozen=True)
class Talk:
    """The `column` of a conversation, the `keys` that a turn has for its role and its text, or an item for a question
    and its answer, and whether tools are called in it, or told of beside it.
    """

    column: str
    keys: tuple[str, str]
    calls_tools: bool = False

    @property
    def evidence(self) -> str:
        """What tells it, in words."""
        return f"{self.column} with {self.keys[0]} and {self.keys[1]}"


def talk_in(values: Mapping[str, Any]) -> Talk | None:
    """The conversation in a row."""
    if (column := conversation_column(values)) is None:
        return None
    opening = opening_turn(values[column]) or {}
    if "role" not in opening and (pair := exchange(opening)):
        return Talk(column, pair)
    turns = values[column] if isinstance(values[column], list) else [opening]
    told = first(TOOLS, values)
    calls_tools = any(isinstance(one, Mapping) and _calls(one) for one in turns)
    return Talk(column, turn_keys(opening), calls_tools or bool(told and values[told] not in ("", [], "[]")))


def _calls(turn: Mapping[str, Any]) -> bool:
    """Whether a turn calls a tool, or is what a tool gave."""
    role = turn.get(turn_keys(turn)[0])
    name = role.strip().lower() if isinstance(role, str) else ""
    return bool(turn.get("tool_calls") or turn.get("function_call") or ROLES.get(name) == "tool" or name in CALLING)
