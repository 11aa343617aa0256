"""WHAT AN ANSWER IS WORTH: one file a reward. They are given in a process of their own (`tuitune.rewards.judge`)."""

from collections.abc import Iterable
from importlib.util import find_spec

from tuitune.declared import declared
from tuitune.rewards.descriptor import Attempt, Reward

__all__ = ["REWARDS", "Attempt", "Reward", "helpers"]

REWARDS: dict[str, Reward] = {
    reward.name: reward for reward in sorted(declared(__name__, Reward), key=lambda one: (one.foreign, one.name))
}
"""Every reward by the name that a recipe gives it; the user's own last."""


def helpers(rewards: Iterable[str]) -> list[str]:
    """What is installed here that reads more of the rows for some rewards: it changes which of them can be used."""
    known = {REWARDS[name].helper for name in rewards if name in REWARDS} - {""}
    return sorted(name for name in known if find_spec(name) is not None)
