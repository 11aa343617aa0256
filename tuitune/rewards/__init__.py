"""WHAT AN ANSWER IS WORTH: one file a reward. They are given in a process of their own (`tuitune.rewards.judge`)."""

from tuitune.rewards.descriptor import Attempt, Reward
from tuitune.rewards.exact import EXACT
from tuitune.rewards.fields import FIELDS
from tuitune.rewards.length import LENGTH
from tuitune.rewards.numeric import NUMERIC
from tuitune.rewards.overlong import OVERLONG
from tuitune.rewards.pattern import PATTERN
from tuitune.rewards.python_file import PYTHON
from tuitune.rewards.schema import SCHEMA
from tuitune.rewards.think import THINK
from tuitune.rewards.valid_json import JSON

__all__ = ["REWARDS", "Attempt", "Reward"]

_ALL = (EXACT, NUMERIC, JSON, FIELDS, SCHEMA, PATTERN, LENGTH, OVERLONG, THINK, PYTHON)
REWARDS: dict[str, Reward] = {reward.name: reward for reward in _ALL}
"""Every reward by the name that a recipe gives it."""
