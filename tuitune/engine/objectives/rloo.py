"""REINFORCE leave-one-out: trl's RLOOTrainer on prompts of tokens, by the rewards of the recipe."""

from __future__ import annotations

from trl import RLOOConfig, RLOOTrainer

from tuitune.engine.objectives.generating import Generating, generation_arguments
from tuitune.engine.objectives.trainer import Assignment


class RlooTrainer(Generating, RLOOTrainer):
    """RLOOTrainer on prompts."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given, RLOOConfig(**generation_arguments(given)))
