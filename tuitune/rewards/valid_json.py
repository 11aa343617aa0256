"""JSON: whether an answer is an object or a list of it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from tuitune.rewards.descriptor import Attempt, Reward, always

NONE = object()
"""Stands for what is no JSON."""


def value(text: str) -> Any:
    """The JSON that a text is; `NONE` where it is none, has NaN or Infinity in it, or a name twice in an object."""
    try:
        return json.loads(text, parse_constant=_refused, object_pairs_hook=_fields)
    except (ValueError, RecursionError):
        return NONE


def parsed(text: str) -> Any:
    """The object or list that a text is; `NONE` where it is none, as plain words and numbers are."""
    found = value(text)
    return found if isinstance(found, dict | list) else NONE


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal; `true` is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name twice")
    return fields


def _score(answer: Attempt) -> float:
    return float(parsed(answer.text) is not NONE)


JSON = Reward("json", "valid JSON", "1 for an object or a list of JSON and nothing beside it", always(_score))
