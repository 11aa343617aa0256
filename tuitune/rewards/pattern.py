"""A regular expression that the whole answer matches."""

from __future__ import annotations

import re

from tuitune.rewards.descriptor import Reward, RewardSettings, Score


def _prepare(settings: RewardSettings) -> Score:
    try:
        pattern = re.compile(settings.pattern, re.DOTALL)
    except re.error as error:
        raise ValueError(f"rewards.pattern is not a regular expression: {error}") from None
    return lambda answer: float(pattern.fullmatch(answer.text.strip()) is not None)


PATTERN = Reward(
    "pattern",
    "matching answers",
    "1 where the whole answer matches a regular expression",
    _prepare,
    settings=("pattern",),
    filled=("pattern",),
)
