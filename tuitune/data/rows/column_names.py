"""The names that data sets give their columns, and which of them a row has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
PAIRS = (
    ("question", "answer"),
    ("query", "response"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("input", "output"),
    ("question", "response"),
    ("query", "answer"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("instruction", "completion"),
    ("input", "target"),
    ("source", "target"),
    ("user", "assistant"),
)
"""Columns recognised as a prompt and its completion, the likeliest first."""

PREFERENCES = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("accepted", "rejected"),
    ("response_j", "response_k"),
    ("preferred", "dispreferred"),
    ("preferred_output", "non_preferred_output"),
    ("better", "worse"),
    ("winner", "loser"),
)
"""Names of the better and the worse answer, also as a part of longer names: `chosen_messages`, `answer_rejected`."""

CONVERSED = (("preferred", "rejected"), ("win", "lose"), ("positive", "negative"), ("good", "bad"))
"""Words that tell so much of whole conversations alone."""

WORSE_ALONE = ("rejected_messages", "rejected_response", "rejected")
"""Columns of a worse answer beside a conversation that ends with the better one."""

PROMPTS = ("prompt", "question", "query", "instruction", "input")
SYSTEMS = ("system", "system_prompt")
TEXTS = ("text", "content", "document")
TOOLS = ("tools", "functions")
LABELS = ("label", "kto_tag")

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
    """The column that holds the turns of a conversation, also where they are written as JSON in a text."""
    return next((name for name in CONVERSATIONS if name in values and is_conversation(values[name])), None)


def is_conversation(value: Any) -> bool:
    """Whether a value looks like turns, judged by the first."""
    opening = opening_turn(value)
    return opening is not None and (any(key in opening for key in ROLE_KEYS) or exchange(opening) is not None)


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


def preference_columns(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Columns of the better and the worse answer."""
    for chosen, rejected in PREFERENCES:
        if values.get(chosen) is not None and values.get(rejected) is not None:
            return {"chosen": chosen, "rejected": rejected}
    return _compared(values) or _beside_messages(values)


def _compared(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Two columns whose names differ in the word that tells the better from the worse, of one kind."""
    for name, value in values.items():
        for better, worse in (*PREFERENCES, *(CONVERSED if isinstance(value, list) else ())):
            other = re.sub(rf"(?<![a-z]){better}(?![a-z])", worse, name, count=1)
            if other != name and _alike(value, values.get(other)):
                return {"chosen": name, "rejected": other}
    return None


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are texts, turns or conversations both."""
    return isinstance(one, str | list | Mapping) and type(one) is type(other)


def _beside_messages(values: Mapping[str, Any]) -> dict[str, str] | None:
    """A conversation whose last answer is the better one, with the worse beside it, as ms-swift has it."""
    talk = conversation_column(values)
    worse = next((name for name in WORSE_ALONE if isinstance(values.get(name), str | list | Mapping)), None)
    return {"chosen": talk, "rejected": worse} if talk and worse else None


def alpaca_columns(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Columns of an instruction, what it is about, and its answer."""
    given = next((name for name in ("input", "context") if name in values), None)
    said = next((name for name in ("output", "response") if name in values), None)
    if "instruction" not in values or said is None or (said != "output" and given is None):
        return None
    return {"instruction": "instruction", "input": given or "input", "output": said}


def pair_columns(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Columns of a prompt and its completion, by their usual names."""
    if "prompt" in values and "completion" in values:
        return {"prompt": "prompt", "completion": "completion"}
    pair = next((pair for pair in PAIRS if pair[0] in values and pair[1] in values), None)
    return {"prompt": pair[0], "completion": pair[1]} if pair else None
