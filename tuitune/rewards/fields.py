"""The fields of the row's JSON answer: the share of them that an answer has with the same values."""

from __future__ import annotations

from tuitune.rewards.descriptor import Attempt, Reward, always
from tuitune.rewards.valid_json import parsed, same


def _score(answer: Attempt) -> float:
    """Fields that were not asked for count against it, so that naming everything does not pay."""
    wanted, said = parsed(answer.expected), parsed(answer.text)
    if not isinstance(said, dict):
        return 0.0
    right = sum(key in said and same(said[key], value) for key, value in wanted.items())
    return right / len(wanted.keys() | said.keys())


def _unfit(expected: str) -> str:
    found = parsed(expected)
    return "" if isinstance(found, dict) and found else "its answer is no JSON object with fields"


FIELDS = Reward(
    "fields",
    "right JSON fields",
    "the share of the fields of the row's JSON object that are right; fields too many count against it",
    always(_score),
    expects=True,
    unfit=_unfit,
)
