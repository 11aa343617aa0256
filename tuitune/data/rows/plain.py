"""The measures of rows in the plainest spelling of their shape, without making them into what training takes.

Most rows by far are so plain that one look tells that they are sound. Anything else, sound or not, is left to the
shape's converter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.data.rows.unsaid import may_say

Measures = tuple[int, int, int]
"""The characters of a row's text, those of its last answer, and its turns."""

Measure = Callable[[Mapping[str, Any]], Measures | None]
"""Measures a row; None where it is not plain. A plain row is as shallow as its shape."""

_NESTED = frozenset({list, dict})
_ANSWERED: dict[str, Any] = {}
_ASKED = {"assistant": _ANSWERED, "gpt": _ANSWERED}
_ANSWERED |= {"user": _ASKED, "human": _ASKED}
_START = {"system": dict(_ANSWERED), **_ANSWERED}
"""Who may speak, and who may speak then."""

_PLAIN_ROLES = {
    "columns": {"prompt", "completion"},
    "prompt-completion": {"prompt", "completion"},
    "alpaca": {"instruction", "input", "output"},
    "messages": {"messages"},
    "sharegpt": {"messages"},
    "text": {"text"},
}


def measure_for(shape: str, columns: Mapping[str, str]) -> Measure | None:
    """The measure of plain rows of a shape; None where the shape has none, or its columns ask for more."""
    if set(columns) != _PLAIN_ROLES.get(shape):
        return None
    if shape == "messages":
        return _turns(columns["messages"], "role", "content")
    if shape == "sharegpt":
        return _turns(columns["messages"], "from", "value")
    if shape == "alpaca":
        return _instruction(columns["instruction"], columns["input"], columns["output"])
    if shape == "text":
        return _alone(columns["text"])
    return _pair(columns["prompt"], columns["completion"])


def _turns(column: str, role_key: str, text_key: str) -> Measure:
    is_blank = str.isspace

    def measure(values: Mapping[str, Any]) -> Measures | None:
        turns = values.get(column)
        if type(turns) is not list:
            return None
        characters, state = 0, _START
        try:
            for turn in turns:
                said = turn[text_key]
                state = state[turn[role_key]]
                if is_blank(said) or not said or len(turn) != 2:
                    return None
                characters += len(said)
        except (KeyError, TypeError):
            return None
        return (characters, len(said), len(turns)) if state is _ANSWERED and _is_bare(values, (column,)) else None

    return measure


def _instruction(asked: str, given: str, said: str) -> Measure:
    def measure(values: Mapping[str, Any]) -> Measures | None:
        question, extra, answer = _text(values, asked), values.get(given, ""), _text(values, said)
        if not question or not answer or type(extra) is not str:
            return None
        if not _is_bare(values, (asked, given, said)):
            return None
        added = 2 + len(extra) if extra and not extra.isspace() else 0
        return len(question) + added + len(answer), len(answer), 2

    return measure


def _pair(asked: str, said: str) -> Measure:
    def measure(values: Mapping[str, Any]) -> Measures | None:
        question, answer = _text(values, asked), _text(values, said)
        if not question or not answer or not _is_bare(values, (asked, said)):
            return None
        return len(question) + len(answer), len(answer), 2

    return measure


def _alone(column: str) -> Measure:
    def measure(values: Mapping[str, Any]) -> Measures | None:
        text = _text(values, column)
        return (len(text), len(text), 1) if text and _is_bare(values, (column,)) else None

    return measure


def _is_bare(values: Mapping[str, Any], read: tuple[str, ...]) -> bool:
    """Whether no column but those that are read could say anything, or holds a list or an object."""
    if len(values) == len(read):
        return all(name in values for name in read)
    for name, value in values.items():
        if name not in read and (type(value) in _NESTED or may_say(name, type(value))):
            return False
    return True


def _text(values: Mapping[str, Any], column: str) -> str:
    """The text in a column; nothing where it is blank or no text."""
    value = values.get(column)
    return value if type(value) is str and not value.isspace() else ""
