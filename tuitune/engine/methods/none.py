"""No adapter: the base itself is trained."""

from __future__ import annotations

from transformers import PreTrainedModel

from tuitune.engine.load.model import Base
from tuitune.recipe.schema import Recipe


def adapt(base: Base, recipe: Recipe) -> PreTrainedModel:
    """The base as it is."""
    return base.model
