"""What each method of `tuitune.methods` needs of torch, in a file of the same name."""

from __future__ import annotations

from tuitune.engine.load.model import Base
from tuitune.engine.methods import adalora, ia3, lora, none, prompts, tuner
from tuitune.engine.methods.adapted import Adapted
from tuitune.methods import ADALORA, IA3, LORA, NONE, PREFIX, PROMPT, PTUNING, TUNERS
from tuitune.recipe.schema import Recipe

_ADAPT = {
    LORA.name: lora.adapt,
    ADALORA.name: adalora.adapt,
    IA3.name: ia3.adapt,
    NONE.name: none.adapt,
    **dict.fromkeys((PROMPT.name, PTUNING.name, PREFIX.name), prompts.adapt),
    **dict.fromkeys(TUNERS, tuner.adapt),
}


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base made ready by the recipe's method for a run of so many steps. TuituneError where that cannot be."""
    return _ADAPT[recipe.method.name](base, recipe, total_steps)
