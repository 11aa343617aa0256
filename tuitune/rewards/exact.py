"""The answer of the row, letter for letter; white space around it aside."""

from tuitune.rewards.descriptor import Attempt, Reward, always


def _score(answer: Attempt) -> float:
    return float(answer.text.strip() == answer.expected.strip())


EXACT = Reward("exact", "exact answers", "1 for the answer of the row, word for word", always(_score), expects=True)
