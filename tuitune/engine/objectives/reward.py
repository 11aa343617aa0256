"""A reward model: trl's RewardTrainer on pairs that are tokenized already, with a head of one score."""

from __future__ import annotations

from functools import partial

from trl import RewardConfig, RewardTrainer

from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer, without_dropout
from tuitune.engine.tokens.collator import pad_answers


def configuration(given: Assignment) -> RewardConfig:
    """The recipe as trl's arguments. Dropout is the recipe's to set, and that of the base off."""
    return RewardConfig(
        **arguments(given.recipe, given.life.run, given.precision, given.on),
        max_length=None,
        disable_dropout=False,
        center_rewards_coefficient=given.recipe.objective.centring,
    )


class RewardModelTrainer(ObjectiveTrainer, RewardTrainer):
    """RewardTrainer on pairs of tokens."""

    trains = ("reward",)

    def __init__(self, given: Assignment) -> None:
        without_dropout(given.life.adapted.model)
        collate = partial(pad_answers, pad_token_id=given.base.model.config.get_text_config().pad_token_id)
        super().__init__(given, configuration(given), collate)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The lowest score is that of all answers since the last record; trl gives the mean of each batch's lowest."""
        measured = self._metrics["train"]
        for key, furthest in (("min_reward", min), ("max_reward", max)):
            if scores := measured.get(key):
                measured[key] = [furthest(scores)]
        super().log(logs, start_time)

    def judged(self, figures: dict[str, float]) -> dict[str, float]:
        """A head that has learned nothing prefers by chance, so only its loss is told."""
        return figures if self.changed else {"loss": figures["loss"]}
