"""JSON: whether an answer is an object or a list of it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from tuitune.rewards.descriptor import Attempt, Reward, always

NONE = object()
"""Stands for what is no JSON."""


def parsed(text: str) -> Any:
    """The object or list that a text is; `NONE` where it is none, as plain words and numbers are."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return NONE
    return found if isinstance(found, dict | list) else NONE


def _score(answer: Attempt) -> float:
    return float(parsed(answer.text) is not NONE)


JSON = Reward("json", "valid JSON", "1 for an object or a list of JSON and nothing beside it", always(_score))
