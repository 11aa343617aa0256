"""What is said of a reward: what it gives for an answer, which settings it reads, and what it needs to judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class RewardSettings(Protocol):
    """The settings of a recipe's rewards that they look at, as `tuitune.recipe` declares them."""

    pattern: str
    schema_file: str
    shortest: int
    longest: int
    margin: int
    file: str
    approved: str
    seconds: float
    memory: int


@dataclass(frozen=True)
class Attempt:
    """What is judged: the `text` that a model wrote to `question`, of so many `tokens`.

    `expected` is the answer of its row, "" where the row has none; `cut` says that the model was stopped before its
    end, and `most` how many tokens an answer may have.
    """

    text: str
    question: str = ""
    expected: str = ""
    tokens: int = 0
    most: int = 0
    cut: bool = False


Score = Callable[[Attempt], float]
"""The reward of an answer; what it raises is named with its row."""


@dataclass(frozen=True)
class Reward:
    """A reward: `name` in a recipe, `title` over its chart, `gives` what an answer gets for what, in a sentence.

    `settings` are those of the recipe's `rewards` table that it reads, `filled` those that must not be empty.
    `prepare` makes its score from the settings, and raises ValueError that begins with the setting that is wrong.
    `expects`: it compares with the answer that the row has, and `unfit` says why one cannot be compared with.
    `package` is what has to be installed for it, `helper` what reads more of the rows where it is. `foreign`: it runs
    code of the user's.
    """

    name: str
    title: str
    gives: str
    prepare: Callable[[RewardSettings], Score]
    settings: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    expects: bool = False
    package: str = ""
    helper: str = ""
    foreign: bool = False
    unfit: Callable[[str], str] = lambda expected: ""

    @property
    def metric(self) -> str:
        """The key of its curve, as trl names it."""
        return f"rewards/{self.name}/mean"


def always(score: Score) -> Callable[[RewardSettings], Score]:
    """The preparation of a reward that no setting changes."""
    return lambda settings: score
