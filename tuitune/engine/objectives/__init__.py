"""What each objective of a recipe needs of torch: its trainer, in a file of the objective's name."""

from collections.abc import Callable

from tuitune.declared import declared
from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer

TRAINERS: dict[str, Callable[[Assignment], ObjectiveTrainer]] = {
    objective: trainer
    for trainer in declared(__name__, type)
    if issubclass(trainer, ObjectiveTrainer)
    for objective in vars(trainer).get("trains", ())
}
"""Trainers by `objective.kind`."""
