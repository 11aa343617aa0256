"""WHAT AN ANSWER IS WORTH: one file a reward. They are given in a process of their own (`tuitune.rewards.judge`)."""

from tuitune.declared import declared
from tuitune.rewards.descriptor import Attempt, Reward

__all__ = ["REWARDS", "Attempt", "Reward"]

REWARDS: dict[str, Reward] = {
    reward.name: reward for reward in sorted(declared(__name__, Reward), key=lambda one: (one.foreign, one.name))
}
"""Every reward by the name that a recipe gives it; the user's own last."""
