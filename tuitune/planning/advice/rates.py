"""Advice on the learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.methods.descriptor import Rates
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.units import number_text


def _learning_rate(now: Situation) -> Iterator[Advice]:
    """1e-6 learns nothing with LoRA, 5e-3 explodes on a model of billions: each method has its own, and objectives take
    a share of it.
    """
    rate, key = now.recipe.training.learning_rate, "training.learning_rate"
    method, rates = now.recipe.method, _rates(now)
    if rates is None:
        return
    usual, fix = f"{number_text(rates.usual)} is usual", {key: rates.usual}
    if rate < rates.lowest:
        message = f"{number_text(rate)} is too low for {method.title} to learn much. {usual}"
        yield Advice("learning-rate-low", "warning", key, message, fix)
    elif rate > rates.highest:
        yield Advice("learning-rate-high", "warning", key, f"{number_text(rate)} {method.too_high}. {usual}", fix)


def _rates(now: Situation) -> Rates | None:
    """Those of the method, or the share of them that the objective takes; None where none are usual."""
    rates = now.recipe.method.rates if now.is_large else now.recipe.method.small_rates
    return rates and rates.of(now.recipe.optimises.rate)


def _second_matrices(now: Situation) -> Iterator[Advice]:
    """LoRA+ multiplies the rate of some weights, so the rate itself has to be lower."""
    ratio, rate, rates = now.recipe.adapter.lora_plus, now.recipe.training.learning_rate, _rates(now)
    if rates is None or not now.recipe.method.uses("lora_plus"):
        return
    highest = rates.highest
    if rate <= highest < rate * ratio * (1 - 1e-9):
        key, reached = "training.learning_rate", number_text(rate * ratio)
        message = f"LoRA+ trains the second matrices at {reached}: {now.recipe.method.too_high}"
        yield Advice("lora-plus", "warning", key, message, {key: highest / ratio})


RULES = (_learning_rate, _second_matrices)
