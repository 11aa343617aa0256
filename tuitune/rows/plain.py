"""Measures of rows in the plainest spelling of their shape, without making them into what training takes.

Most rows by far are so plain that one look tells that they are sound. Anything else, sound or not, is left to the
shape's converter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.rows.unsaid import may_say

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


def of_turns(column: str, role_key: str, text_key: str) -> Measure:
    """Rows of nothing but turns that say something, in the order of a conversation."""
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


def of_instruction(asked: str, given: str, said: str) -> Measure:
    """Rows with an instruction, perhaps what it is about, and its answer."""

    def measure(values: Mapping[str, Any]) -> Measures | None:
        question, extra, answer = _text(values, asked), values.get(given, ""), _text(values, said)
        if not question or not answer or type(extra) is not str:
            return None
        if not _is_bare(values, (asked, given, said)):
            return None
        added = 2 + len(extra) if extra and not extra.isspace() else 0
        return len(question) + added + len(answer), len(answer), 2

    return measure


def of_texts(*columns: str) -> Measure:
    """Rows of nothing but texts, one or a prompt and its completion; the last is the answer."""

    def measure(values: Mapping[str, Any]) -> Measures | None:
        texts = [_text(values, column) for column in columns]
        if not all(texts) or not _is_bare(values, columns):
            return None
        return sum(map(len, texts)), len(texts[-1]), len(texts)

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
