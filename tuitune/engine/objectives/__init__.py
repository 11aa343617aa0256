"""What each objective of a recipe needs of torch: its trainer, in a file of the objective's name."""

from tuitune.engine.objectives.dpo import DpoTrainer
from tuitune.engine.objectives.sft import SftTrainer

TRAINERS = {"sft": SftTrainer, "dpo": DpoTrainer}
"""Trainers by `objective.kind`."""
