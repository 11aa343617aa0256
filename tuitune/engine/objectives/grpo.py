"""Group relative policy optimisation: trl's GRPOTrainer on prompts of tokens, by the rewards of the recipe."""

from __future__ import annotations

from trl import GRPOConfig, GRPOTrainer

from tuitune.engine.objectives.generating import Generating, generation_arguments
from tuitune.engine.objectives.trainer import Assignment


class GrpoTrainer(Generating, GRPOTrainer):
    """GRPOTrainer on prompts."""

    trains = ("grpo",)

    def __init__(self, given: Assignment) -> None:
        own = {"loss_type": given.recipe.objective.policy_loss, "scale_rewards": given.recipe.objective.scale}
        super().__init__(given, GRPOConfig(**generation_arguments(given), **own))
