"""What is said of an objective: what its rows have to teach and, where it is trained here, what training takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tuitune.metrics import Metric

Teaching = Literal["answers", "text", "preferences", "labels", "prompts"]
"""What rows teach: answers, plain text, which of two answers is better, whether an answer is good, or what to ask."""

TEACHINGS: tuple[Teaching, ...] = get_args(Teaching)

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
class Trained(Purpose):
    """An objective, with a trainer in `tuitune.engine.objectives`.

    `title` names it in a sentence, and `examples` what it learns from; `rows_in` is the shape that trl's trainer of it
    takes. `settings` are the keys of those that it reads and others do not; `metrics` are those that its trainer
    records beside the common ones. A row of a batch becomes `sequences` of tokens. `rate` is the share of a method's
    usual learning rate that suits it, and `beta` the β. `prefers`: the model learns to prefer answers to others, and
    with `imitates` to write them too. `compares`: it is held against a reference, the model that training began with. A
    batch has `least_batch` rows or more. `scores`: the result gives answers scores, and writes none. `generates`: it
    learns from answers of the model's own, by what they are worth; its training loss does not fall as it learns, and
    its held-out loss is the mean reward of the likeliest answers, negated. `experimental`: its settings and its loss
    may change yet.
    """

    title: str
    rows_in: str
    examples: str
    settings: frozenset[str]
    metrics: tuple[Metric, ...] = ()
    sequences: int = 1
    rate: float = 1.0
    beta: float = 0.1
    prefers: bool = False
    imitates: bool = False
    compares: bool = False
    least_batch: int = 1
    scores: bool = False
    generates: bool = False
    experimental: bool = False

    def reads(self, key: str) -> bool:
        """Whether it reads a setting of those that not every objective reads."""
        return key in self.settings

    @property
    def whole(self) -> bool:
        """Whether it learns plain text alone: all of it, in pieces where it is too long, and without a template."""
        return self.learns_from == ("text",)

    @property
    def packs(self) -> bool:
        """Whether it can learn several documents in one row of a batch."""
        return "data.packing" in self.settings
