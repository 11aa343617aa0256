"""LoRA: an adapter in float32 beside the frozen layers of the base."""

from __future__ import annotations

from peft import LoraConfig

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import chosen, put_on
from tuitune.recipe.schema import Recipe


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with the adapter on it. Raises TuituneError where a target cannot be adapted."""
    wanted = recipe.adapter
    config = LoraConfig(
        **chosen(base, recipe),
        r=wanted.rank,
        lora_alpha=wanted.alpha,
        lora_dropout=wanted.dropout,
        bias=wanted.bias,
        use_rslora=wanted.rslora,
        use_dora=wanted.dora,
    )
    return Adapted(put_on(base, recipe, config))
