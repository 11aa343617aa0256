"""The format of reasoning: one thought in <think> tags, then an answer outside them."""

from __future__ import annotations

import re

from tuitune.rewards.descriptor import Attempt, Reward, always

_FORMAT = re.compile(r"\s*<think>(?P<thought>.*?)</think>(?P<said>.*)", re.DOTALL)


def _score(answer: Attempt) -> float:
    found = _FORMAT.fullmatch(answer.text)
    if found is None or not found["thought"].strip() or not found["said"].strip():
        return 0.0
    return float("think>" not in found["said"])


THINK = Reward("think", "think format", "1 for <think>…</think> with a thought in it, then an answer", always(_score))
