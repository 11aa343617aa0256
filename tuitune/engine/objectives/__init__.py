"""What each objective of a recipe needs of torch: its trainer, in a file of the objective's name."""

from tuitune.engine.objectives.dpo import DpoTrainer
from tuitune.engine.objectives.grpo import GrpoTrainer
from tuitune.engine.objectives.kto import KtoTrainer
from tuitune.engine.objectives.orpo import OrpoTrainer
from tuitune.engine.objectives.reward import RewardModelTrainer
from tuitune.engine.objectives.rloo import RlooTrainer
from tuitune.engine.objectives.sft import SftTrainer
from tuitune.engine.objectives.simpo import SimpoTrainer

TRAINERS = {
    "sft": SftTrainer,
    "pretrain": SftTrainer,
    "dpo": DpoTrainer,
    "kto": KtoTrainer,
    "orpo": OrpoTrainer,
    "simpo": SimpoTrainer,
    "reward": RewardModelTrainer,
    "grpo": GrpoTrainer,
    "rloo": RlooTrainer,
}
"""Trainers by `objective.kind`."""
