"""No adapter: the base itself is trained, all of it or a part."""

from __future__ import annotations

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import blocks
from tuitune.methods.none import NONE
from tuitune.planning.targets import numbered
from tuitune.recipe.schema import Recipe

METHODS = (NONE,)


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base with what the recipe leaves as it is frozen. TuituneError where a layer is not there."""
    model = base.model
    if (chosen := numbered(recipe, getattr(model.config.get_text_config(), "num_hidden_layers", None))) is not None:
        for number, layer in enumerate(blocks(model)):
            layer.requires_grad_(number in chosen)
    if recipe.adapter.freeze_embeddings:
        for end in filter(None, (model.get_input_embeddings(), model.get_output_embeddings())):
            end.requires_grad_(False)
    return Adapted(model)
