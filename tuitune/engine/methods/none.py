"""No adapter: the base itself is trained."""

from __future__ import annotations

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.recipe.schema import Recipe


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base as it is."""
    return Adapted(base.model)
