"""Length: answers of the wanted length. Without a floor the shortest answer is none at all, and a model finds it."""

from __future__ import annotations

from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score


def _prepare(settings: RewardSettings) -> Score:
    shortest, longest = settings.shortest, settings.longest

    def score(answer: Attempt) -> float:
        if answer.tokens < shortest or not answer.text.strip():
            return 0.0
        return max(0.0, 1.0 - max(0, answer.tokens - longest) / longest)

    return score


LENGTH = Reward(
    "length",
    "wanted length",
    "1 from the shortest to the longest length wanted, falling to 0 at twice the longest; 0 below the shortest",
    _prepare,
    settings=("shortest", "longest"),
)
