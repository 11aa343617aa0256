"""What each method of `tuitune.methods` needs of torch, in a file of the same name."""

from __future__ import annotations

from peft import PeftModel
from transformers import PreTrainedModel

from tuitune.engine.load.model import Base
from tuitune.engine.methods import lora, none
from tuitune.methods import LORA, NONE
from tuitune.recipe.schema import Recipe

_ADAPT = {LORA.name: lora.adapt, NONE.name: none.adapt}


def adapt(base: Base, recipe: Recipe) -> PeftModel | PreTrainedModel:
    """The model to train, made from the base by the recipe's method. Raises TuituneError where that cannot be."""
    return _ADAPT[recipe.method.name](base, recipe)
