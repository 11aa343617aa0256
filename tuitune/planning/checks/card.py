"""Whether a run would fit a card of the catalogue, which need not be in this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuitune.hardware.cards import Card
from tuitune.hardware.fitness import has_bfloat16
from tuitune.hardware.gpus import Gpu
from tuitune.hardware.model_facts import ModelFacts
from tuitune.planning.checks.half_precision import computes_in_float16, float16_trouble
from tuitune.planning.forecast.memory import Forecast, fit_state, forecast
from tuitune.recipe.schema import Recipe


@dataclass(frozen=True)
class CardFit:
    """A run on an empty `card`: what it needs there of the `free` bytes; `refused` says what else keeps it from it."""

    card: Card
    forecast: Forecast
    free: int
    refused: str = ""

    @property
    def state(self) -> Literal["fits", "tight", "too big", "refused"]:
        return "refused" if self.refused else fit_state(self.forecast.total / self.free)


def forecast_on(gpu: Gpu | None, recipe: Recipe, facts: ModelFacts) -> Forecast | None:
    """The forecast for a run on `gpu`, or on any with bfloat16 where that is None. TuituneError as `forecast`."""
    return forecast(recipe, facts, device="cuda", modern=gpu is None or has_bfloat16(gpu) is not False)


def on_card(card: Card, recipe: Recipe, facts: ModelFacts) -> CardFit | None:
    """Hold a recipe against a card; None where the model's config does not tell enough. TuituneError as `forecast`."""
    gpu = card.gpu
    if (expected := forecast_on(gpu, recipe, facts)) is None:
        return None
    trouble = float16_trouble(recipe, facts.model_type) if computes_in_float16(recipe, gpu) else None
    return CardFit(card, expected, gpu.memory_free or 0, str(trouble or ""))
