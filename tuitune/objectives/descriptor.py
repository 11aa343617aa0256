"""What is said of an objective: what its rows have to teach and, where it is trained here, what training takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuitune.metrics import Metric

Teaching = Literal["answers", "text", "preferences", "labels"]
"""What rows teach: answers, plain text, which of two answers is better, or whether an answer is good."""

ANSWERING: tuple[Teaching, ...] = ("answers", "text")
"""What rows teach that hold one answer, or one text, to learn."""


@dataclass(frozen=True)
class Purpose:
    """What rows are wanted for: its name in a sentence, and what rows teach that serve it."""

    name: str
    learns_from: tuple[Teaching, ...]

    @property
    def answers(self) -> bool:
        """Whether single answers serve it, so that rows that teach something else can be read for theirs."""
        return set(ANSWERING) <= set(self.learns_from)


@dataclass(frozen=True)
class Objective(Purpose):
    """What is optimised. `title` names it in a sentence, `rows_in` is the shape that trl's trainer of it takes.

    Of one that is not `Trained` only the data is known, which can be looked at and converted for another trainer.
    """

    title: str
    rows_in: str


@dataclass(frozen=True)
class Trained(Objective):
    """An objective that a recipe can name, with a trainer in `tuitune.engine.objectives`.

    `examples` are what it learns from, in a sentence. `settings` are the keys of those that it reads and others do not;
    `metrics` are those that its trainer records beside the common ones. A row of a batch becomes `sequences` of tokens.
    `rate` is the share of a method's usual learning rate that suits it. `compares`: it holds the model in training
    against a reference, the model that training began with.
    """

    examples: str
    settings: frozenset[str]
    metrics: tuple[Metric, ...] = ()
    sequences: int = 1
    rate: float = 1.0
    compares: bool = False

    @property
    def packs(self) -> bool:
        """Whether it can learn several documents in one row of a batch."""
        return "data.packing" in self.settings
