"""Repetition: what loops costs. Models that learn by rewards fall into it, above all small ones."""

from __future__ import annotations

import re

from tuitune.rewards.descriptor import Attempt, Reward, always

_RUN = 3
_WITHOUT_SPACES = r"\u3040-\u30ff\u3400-\u9fff"
"""Japanese and Chinese, where each character counts as a word."""
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W{_WITHOUT_SPACES}]+")


def _score(answer: Attempt) -> float:
    """Minus the share of runs of three words that came before, as the penalty of Open-R1 (huggingface/open-r1)."""
    words = _WORD.findall(answer.text.casefold())
    runs = [tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)]
    return len(set(runs)) / len(runs) - 1.0 if runs else 0.0


REPETITION = Reward(
    "repetition",
    "repetition",
    "0, falling to −1 with the share of runs of three words that the answer has written before",
    always(_score),
)
