"""Kahneman-Tversky optimisation: trl's KTOTrainer on labelled answers that are tokenized already."""

from __future__ import annotations

from functools import partial

from trl import KTOConfig, KTOTrainer

from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.reference import ComparingTrainer
from tuitune.engine.objectives.trainer import Assignment, Sums
from tuitune.engine.tokens.collator import Batch, pad_labelled


def configuration(given: Assignment) -> KTOConfig:
    """The recipe as trl's arguments. Dropout is the recipe's to set, and that of the base off."""
    wanted = given.recipe.objective
    shared = arguments(given.recipe, given.life.run, given.precision, given.on)
    return KTOConfig(
        **{**shared, "train_sampling_strategy": "sequential"},
        max_length=None,
        disable_dropout=False,
        beta=given.recipe.beta,
        desirable_weight=wanted.desirable_weight,
        undesirable_weight=wanted.undesirable_weight,
    )


class KtoTrainer(ComparingTrainer, KTOTrainer):
    """KTOTrainer on labelled answers.

    trl pairs questions with answers to others when the rows are tokenized, which binds it to one order of them. Here
    each batch pairs its own, so that every epoch has another order.
    """

    trains = ("kto",)

    def __init__(self, given: Assignment) -> None:
        pad_token_id = given.base.tokenizer.pad_token_id or 0
        collate = partial(pad_labelled, pad_token_id=pad_token_id, most=given.recipe.data.max_length)
        super().__init__(given, configuration(given), collate)
        if given.recipe.data.shuffle:
            self.args.train_sampling_strategy = "random"

    def measure(self, batch: Batch, rows: int) -> Sums:
        """Rewards of good answers count by those, of bad ones by these, all else by the rows."""
        good = int(batch["label"].sum())
        counts = {"rewards/chosen": good, "rewards/rejected": rows - good}
        measured = {key: (value, counts.get(key, rows)) for key, value in self.measured_by_trl(batch).items()}
        return {key: (value * count, count) for key, (value, count) in measured.items()}

    def judged(self, figures: dict[str, float]) -> dict[str, float]:
        """The margin is that of all good answers over all bad ones, where there are both."""
        if {"rewards/chosen", "rewards/rejected"} <= figures.keys():
            figures["rewards/margins"] = figures["rewards/chosen"] - figures["rewards/rejected"]
        return super().judged(figures)
