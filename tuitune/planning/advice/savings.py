"""What makes a run smaller, for one that does not fit: each change with the memory that it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuitune.hardware.model_facts import ModelFacts
from tuitune.methods.lora import LORA
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.planning.forecast.memory import TIGHT, Forecast, forecast
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.units import bytes_text


@dataclass(frozen=True)
class _Saving:
    """A change of settings and the bytes that the run takes with it."""

    name: str
    fix: dict[str, Any]
    total: int


def _memory(now: Situation) -> Iterator[Advice]:
    """A run that will not fit, or only just: every change that alone makes it fit, else all of them together."""
    if now.fit is None or now.forecast is None or now.model.facts is None or now.fit.share <= TIGHT:
        return
    if now.fit.share <= 1:
        yield Advice("memory-tight", "info", "training.batch_size", f"this only just fits: {now.fit.message}")
        return
    place = f"GPU {now.fit.gpu.index}" if now.fit.gpu else "this machine"
    needed, room = bytes_text(now.forecast.total), bytes_text(now.fit.free)
    opening = f"needs about {needed} of memory, {place} has {room} free"
    enough = [saving for saving in _savings(now, now.forecast, now.model.facts) if saving.total <= now.fit.free]
    for saving in enough:
        message = f"{opening}; {saving.name} makes it {bytes_text(saving.total)}"
        yield Advice("memory", "warning", next(iter(saving.fix)), message, saving.fix)
    if not enough:
        remedy = "choose a smaller model, a shorter data.max_length or a larger card"
        yield Advice("memory", "warning", "model.id", f"{opening}; no setting saves enough: {remedy}")


def _savings(now: Situation, expected: Forecast, facts: ModelFacts) -> list[_Saving]:
    """Every change that helps, and all of them together where there are several."""

    def saving(name: str, fix: dict[str, Any]) -> _Saving:
        changed = forecast(with_values(now.recipe, fix), facts, device=expected.device, modern=expected.modern)
        return _Saving(name, fix, changed.total if changed else expected.total)

    single = [saving(name, fix) for name, fix in _changes(now.recipe, facts)]
    helpful = [one for one in single if one.total < expected.total]
    free = now.fit.free if now.fit else 0
    if len(helpful) < 2 or any(one.total <= free for one in helpful):
        return helpful
    everything = {key: value for one in helpful for key, value in one.fix.items()}
    return [*helpful, saving(" and ".join(one.name for one in helpful), everything)]


def _changes(recipe: Recipe, facts: ModelFacts) -> Iterator[tuple[str, dict[str, Any]]]:
    training = recipe.training
    effective = training.batch_size * training.accumulation
    if not (training.gradient_checkpointing or recipe.method.support.checkpointing):
        yield "gradient checkpointing", {"training.gradient_checkpointing": True}
    least = recipe.optimises.least_batch
    times = -(-effective // least)
    if training.batch_size > least and times <= 4096:
        rows = "one row" if least == 1 else f"{least} rows"
        yield f"{rows} at a time ({times} accumulated)", {"training.batch_size": least, "training.accumulation": times}
    if recipe.method.trains_base and LORA.rates:
        rate = LORA.rates.of(recipe.optimises.rate).usual
        lora = {"adapter.method": "lora", "adapter.targets": "all-linear", "training.learning_rate": rate}
        yield "LoRA instead of training every weight", lora
    elif recipe.quantization.bits != 4 and not (facts.quantized or recipe.method.support.bits.get(4)):
        yield "4-bit weights (QLoRA)", {"quantization.bits": 4}


RULES = (_memory,)
