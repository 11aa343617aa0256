"""Turns of a conversation: the spellings that data sets use, made one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Turn = dict[str, str]
"""`{"role": "system" | "user" | "assistant", "content": …}`"""

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
}
"""Roles by the names that data sets give them."""

TOOL_ROLES = frozenset(
    {"tool", "tools", "function", "function_call", "observation", "ipython", "tool_call", "tool_response"}
)


class RowProblem(Exception):  # noqa: N818
    """A row that cannot be trained on: the field that is wrong, and what was expected of it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


def conversation(value: Any, field: str) -> list[Turn]:
    """The turns in `value`; RowProblem where roles, order or an empty turn leave nothing sound to learn from."""
    turns = turn_list(value, field)
    previous = ""
    for number, one in enumerate(turns):
        role, where = one["role"], f"{field}[{number}]"
        if role == "system" and number:
            raise RowProblem(where, "a system turn comes first or not at all")
        if role == previous:
            raise RowProblem(where, f"two {role} turns follow each other")
        if role == "assistant" and previous in ("", "system"):
            raise RowProblem(where, "the conversation begins with the assistant; a user turn comes first")
        previous = role
    if not any(one["role"] == "assistant" for one in turns):
        raise RowProblem(field, "no assistant turn, so nothing to learn from")
    return turns


def turn_list(value: Any, field: str) -> list[Turn]:
    """The turns in a list, each checked alone."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise RowProblem(field, f"expected a list of turns, found {kind_of(value)}")
    if not value:
        raise RowProblem(field, "the conversation is empty")
    return [turn(one, f"{field}[{number}]") for number, one in enumerate(value)]


def turn(value: Any, field: str) -> Turn:
    """One turn, from role/content or from/value keys."""
    if not isinstance(value, Mapping):
        raise RowProblem(field, f"expected a turn with role and content, found {kind_of(value)}")
    role_key, text_key = turn_keys(value)
    if role_key not in value or text_key not in value:
        missing = role_key if role_key not in value else text_key
        raise RowProblem(field, f"the turn has no '{missing}'; it has {names_of(value)}")
    name = value[role_key]
    if (isinstance(name, str) and name.strip().lower() in TOOL_ROLES) or value.get("tool_calls"):
        raise RowProblem(field, "tool calls cannot be trained here yet; remove the row")
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        shown = f"'{name[:40]}'" if isinstance(name, str) else kind_of(name)
        raise RowProblem(f"{field}.{role_key}", f"expected system, user or assistant, found {shown}")
    return {"role": role, "content": text(value[text_key], f"{field}.{text_key}")}


def turn_keys(value: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of role and text in a turn: `from`/`value` where they are there, else `role`/`content`."""
    if "from" in value and "role" not in value:
        return "from", "value" if "value" in value or "content" not in value else "content"
    return "role", "content" if "content" in value or "value" not in value else "value"


def text(value: Any, field: str, *, empty: bool = False) -> str:
    """Text as it is; numbers as JSON writes them; a list of text parts joined. `empty` allows nothing at all."""
    if isinstance(value, bool | int | float) and value == value:
        return json.dumps(value)
    if isinstance(value, list) and value:
        value = "".join(_part(part, f"{field}[{number}]") for number, part in enumerate(value))
    if value is None and empty:
        return ""
    if not isinstance(value, str):
        raise RowProblem(field, f"expected text, found {kind_of(value)}")
    if not empty and not value.strip():
        raise RowProblem(field, "is empty")
    return value


def _part(part: Any, field: str) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return part["text"]
    kind = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(kind, str):
        raise RowProblem(field, f"expected text, found a part of type '{kind[:40]}'")
    raise RowProblem(field, f"expected a text part, found {kind_of(part)}")


def kind_of(value: Any) -> str:
    """What a value is, in a word or two."""
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "nothing" if value is None else kinds.get(type(value), type(value).__name__)


def names_of(value: Mapping[str, Any], most: int = 8) -> str:
    """The keys of an object for a message: `id, body, …`."""
    names = [str(name)[:40] for name in value]
    return ", ".join(names[:most]) + (", …" if len(names) > most else "") or "no keys"
