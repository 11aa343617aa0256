"""WHAT IS OPTIMISED: one file an objective. What an objective needs of torch lies in `engine/objectives/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.objectives.descriptor import Objective
from tuitune.objectives.dpo import DPO
from tuitune.objectives.kto import KTO
from tuitune.objectives.sft import SFT

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

OBJECTIVES = {objective.name: objective for objective in (SFT, DPO, KTO)}
"""Every objective that data can be looked at for, by name; those that are `trained` are what a recipe can name."""


def objective_of(recipe: Recipe) -> Objective:
    """The objective that a recipe names."""
    return OBJECTIVES[recipe.objective.kind]


__all__ = ["DPO", "KTO", "OBJECTIVES", "SFT", "Objective", "objective_of"]
