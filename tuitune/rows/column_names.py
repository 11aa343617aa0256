"""The names that data sets give their columns, and which of them a row has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
PROMPTS = ("prompt", "question", "query", "instruction", "input")
SYSTEMS = ("system", "system_prompt")
TOOLS = ("tools", "functions")

ROLE_KEYS = ("role", "from", "speaker", "author")
EXCHANGES = (("input", "output"), ("human", "assistant"), ("user", "assistant"), ("question", "answer"))
"""Keys of a list item that holds a question and its answer at once, instead of one turn."""

DIALOGUE = "\n\nHuman:"
"""How a conversation begins that is written as one text, as in Anthropic's hh-rlhf."""


def usual_name(name: str) -> str:
    """A name as most data sets write it: `System Prompt` is `system_prompt`."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def first(names: tuple[str, ...], values: Mapping[str, Any]) -> str | None:
    """The first of the names that the row has, with anything in it."""
    for name in names:
        if values.get(name) is not None:
            return name
    return None


def conversation_column(values: Mapping[str, Any]) -> str | None:
    """The column that holds the turns of a conversation, judged by the first, also where they are JSON in a text."""
    for name in CONVERSATIONS:
        opening = opening_turn(values.get(name)) or {}
        if any(key in opening for key in ROLE_KEYS) or exchange(opening):
            return name
    return None


def opening_turn(value: Any) -> Mapping[str, Any] | None:
    """The first item of a list of objects, also of one written as JSON in a text."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value[0] if isinstance(value, list) and value and isinstance(value[0], Mapping) else None


def exchange(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The keys of a question and its answer in one list item."""
    return next((pair for pair in EXCHANGES if pair[0] in item and pair[1] in item), None)
