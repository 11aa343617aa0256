"""Advice on a model of the catalogue: how to get at it, and what surprises people who fine-tune it."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.hardware.base_models import base_models
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.text import clean

_KEY = "model.id"


def base_model_advice(now: Situation) -> Iterator[Advice]:
    """All that the catalogue says of the recipe's model, as far as nothing better known says it already."""
    model = base_models().find(now.recipe.model.id) if now.model.hub else None
    if model is None:
        return
    away = now.model.folder is None
    answered = now.model.remote is not None and now.model.remote.facts is not None
    if model.gated and away and not answered:
        page = f"https://huggingface.co/{model.name}"
        message = f"this model is gated: accept its terms at {page}, then run `hf auth login` or set HF_TOKEN"
        yield Advice("gated", "info", _KEY, message)
    if model.system_turns is False and away and not now.recipe.data.template:
        yield from _system_turns(now)
    for trap in model.traps:
        yield Advice("known-trap", "info", _KEY, clean(trap, limit=300))


def _system_turns(now: Situation) -> Iterator[Advice]:
    """The engine refuses such rows, but only once it has downloaded the model."""
    count = now.data.system_turns
    if count and now.recipe.data.left_out != "inline":
        rows = "1 of the first rows has one" if count == 1 else f"{count} of the first rows have one"
        message = (
            f"the model's chat template takes no system turn, and {rows}; inline writes it before the first question"
        )
        yield Advice("no-system-turn", "warning", "data.left_out", message, {"data.left_out": "inline"})
