"""The texts in a converted row: what it asks, what it answers, and its white space."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tuitune.rows.turns import TEXT_KEYS

_SPACES_AT_END = re.compile(r"[^\S\n]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_KINDS = ("text", "prompt", "completion", "chosen", "rejected", "messages")


def instruction(canonical: Mapping[str, Any]) -> str:
    """What a row asks: its user turns or its prompt; of plain text, all of it. System turns are left out."""
    asked = canonical.get("text", canonical.get("prompt", canonical.get("messages", "")))
    return asked if isinstance(asked, str) else "\n".join(turn["content"] for turn in asked if turn["role"] == "user")


def answer(canonical: Mapping[str, Any]) -> str | None:
    """What a row teaches to say: the completion, or the last assistant turn that says something; of plain text, all.

    None where the last thing the assistant does is to call a tool: its length says nothing.
    """
    said = canonical.get("text", canonical.get("completion", canonical.get("chosen", canonical.get("messages", ""))))
    if isinstance(said, str):
        return said
    last = next((turn for turn in reversed(said) if turn["role"] == "assistant"), None)
    return None if last is None or last.get("tool_calls") else str(last["content"])


def tidy(text: str) -> str:
    """Trimmed, with one kind of line end, no spaces at line ends and never more than one blank line in a row.

    Indentation and spaces within a line stay: they mean something in code and tables.
    """
    text = _LINE_ENDS.sub("\n", text)
    return _BLANK_LINES.sub("\n\n", _SPACES_AT_END.sub("", text)).strip()


def tidied(canonical: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """A row with its texts tidied, and the first text that changed, before and after. Tool calls stay as they are.

    White space where a plain prompt and its completion meet stays too: it parts them once they are joined.
    """
    changed: list[tuple[str, str]] = []
    row = {key: _tidied(key, value, changed) if key in _KINDS else value for key, value in canonical.items()}
    return row, changed[0] if changed else None


def _tidied(key: str, value: Any, changed: list[tuple[str, str]]) -> Any:
    if not isinstance(value, str):
        return [{**turn, "content": _tidied("", turn["content"], changed)} for turn in value]
    after = tidy(value)
    if key == "prompt":
        after += value[len(value.rstrip()) :]
    elif key in ("completion", "chosen", "rejected"):
        after = value[: len(value) - len(value.lstrip())] + after
    if after != value:
        changed.append((value, after))
    return after


def tidied_values(values: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """A row as it lies in its source, with the texts in these columns tidied, or in all where none is named.

    In turns and their parts only what they say is tidied.
    """
    named = set(columns) or set(values)
    return {name: _in_value(value) if name in named else value for name, value in values.items()}


def _in_value(value: Any) -> Any:
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, list):
        return [_in_value(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _in_value(one) if key in TEXT_KEYS else one for key, one in value.items()}
    return value
