"""What each method of `tuitune.methods` needs of torch, in a file of the same name.

`METHODS` of a file are its methods, and `adapt` makes a base ready by one of them.
"""

from __future__ import annotations

from tuitune.declared import modules
from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.recipe.schema import Recipe

_ADAPT = {method.name: module.adapt for module in modules(__name__) for method in getattr(module, "METHODS", ())}


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base made ready by the recipe's method for a run of so many steps. TuituneError where that cannot be."""
    adapted: Adapted = _ADAPT[recipe.method.name](base, recipe, total_steps)
    return adapted
