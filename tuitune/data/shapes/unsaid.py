"""What training takes of a sound row otherwise than it stands there: numbers as text, and what nobody reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.data.shapes.turns import REASONING, turn_keys

_TEXTS = {"prompt", "completion", "instruction", "input", "output", "text", "system", "chosen", "rejected"}
_THOUGHTS = (*REASONING, "thought", "thoughts", "chain_of_thought", "cot", "rationale")
"""Names of columns and keys for what is thought before an answer."""


def numbers(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """The columns of text that hold a number, or true or false, which is learned as it is written; turns among them."""
    found = [name for role, name in columns.items() if role in _TEXTS and isinstance(values.get(name), int | float)]
    said = (one.get(turn_keys(one)[1]) for one in _turns(values, columns))
    return [*found, *([columns["messages"]] if any(isinstance(one, int | float) for one in said) else [])]


def unread(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """The columns and keys of turns in which something is thought, and which no shape reads; a system column beside a
    conversation that has a system turn of its own.
    """
    found = [name for name in _THOUGHTS if name not in columns.values() and _says(values.get(name))]
    turns = _turns(values, columns)
    keys = (key for key in _THOUGHTS if key not in REASONING and any(_says(one.get(key)) for one in turns))
    system = columns.get("system", "")
    own = bool(turns) and "system" in (turns[0].get("role"), turns[0].get("from"))
    unheard = [system] if own and _says(values.get(system)) else []
    return [*found, *(f"{columns['messages']}: {key}" for key in keys), *unheard]


def _turns(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[Mapping[str, Any]]:
    turns = values.get(columns.get("messages", ""))
    return [one for one in turns if isinstance(one, Mapping)] if isinstance(turns, list) else []


def _says(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
