"""IA3: vectors in float32 that scale the frozen layers of the base."""

from __future__ import annotations

import re

from peft import IA3Config

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import chosen, linear_names, put_on
from tuitune.methods.ia3 import FEED_FORWARD, IA3
from tuitune.planning.targets import find
from tuitune.recipe.schema import Recipe

METHODS = (IA3,)


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with the vectors on it. Raises TuituneError where a target cannot be scaled."""
    name = find(FEED_FORWARD, linear_names(base.model))
    read = [] if name is None else rf"(.*\.)?{re.escape(name)}"
    return Adapted(put_on(base, recipe, IA3Config(**chosen(base, recipe), feedforward_modules=read)))
