"""The soft penalty of DAPO (arXiv 2503.14476, equation 13) for answers that near the most tokens they may have."""

from __future__ import annotations

from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score


def _prepare(settings: RewardSettings) -> Score:
    def score(answer: Attempt) -> float:
        if answer.cut:
            return -1.0
        beyond = answer.tokens - max(answer.most - settings.margin, 0)
        return 0.0 - min(1.0, max(0.0, beyond / settings.margin))

    return score


OVERLONG = Reward(
    "overlong",
    "overlong penalty",
    "0, falling to −1 through the last tokens that an answer may have; −1 for one that was cut",
    _prepare,
    settings=("margin",),
)
