"""Advice on where training runs, and in which numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.compiler import why_not_compiled
from tuitune.planning.checks.half_precision import MAY_OVERFLOW, computes_in_float16, float16_trouble
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.text import clean


def _no_gpu(now: Situation) -> Iterator[Advice]:
    if now.gpus or now.recipe.hardware.gpu == "cpu" or not now.no_gpu_reason:
        return
    if not now.certain:
        message = f'{now.no_gpu_reason}: the run waits for a GPU; set it to "cpu" to train there'
        yield Advice("no-answer", "warning", "hardware.gpu", message)
        return
    message = f"{now.no_gpu_reason}: training runs on the CPU, in float32 unless the recipe says otherwise"
    yield Advice("no-gpu", "info", "training.precision", message)


def _compiler(now: Situation) -> Iterator[Advice]:
    """TRL's loss head compiles its launcher when it is first used."""
    if now.gpus and now.recipe.hardware.gpu != "cpu" and (missing := _without_compiler()):
        message = f"{missing}. Without it the loss runs in torch instead of Triton: slower, using more memory"
        yield Advice("no-compiler", "warning", "hardware.gpu", message)


@cache
def _without_compiler() -> str | None:
    return why_not_compiled()


def _taken_gpu(now: Situation) -> Iterator[Advice]:
    """A run does not start on somebody's card unasked."""
    if now.recipe.hardware.share or not now.gpus or not all(map(occupancy.is_taken, now.gpus)):
        return
    first = now.gpus[0]
    users = occupancy.users_text(first)
    opening = f"{occupancy.title(first)} is in use{f' by {users}' if users else ''}"
    message = f"{opening}: the run waits until it is free; hardware.share = true starts it now"
    yield Advice("gpu-in-use", "info", "hardware.gpu", message)


def _no_bfloat16(now: Situation) -> Iterator[Advice]:
    """Cards before Ampere (compute capability 8.0) emulate bfloat16."""
    old = now.gpu if now.gpu and fitness.has_bfloat16(now.gpu) is False else None
    wanted = now.recipe.training.precision == "bf16" or now.recipe.model.dtype == "bfloat16"
    overflows = float16_trouble(now.recipe, _model_type(now)) is not None
    if wanted and old and not overflows:
        message = f"{clean(old.name, limit=60)} has no bfloat16; float16 is far faster there"
        fix = {"training.precision": "auto", "model.dtype": "auto"}
        yield Advice("no-bfloat16", "warning", "training.precision", message, fix)


def _model_type(now: Situation) -> str | None:
    return now.model.facts.model_type if now.model.facts else None


def _float16(now: Situation) -> Iterator[Advice]:
    if _model_type(now) in MAY_OVERFLOW and computes_in_float16(now.recipe, now.gpu):
        message = 'this model may overflow in float16, which ends the run; "fp32" avoids that at twice the memory'
        yield Advice("float16-overflow", "info", "training.precision", message)


RULES = (_no_gpu, _compiler, _taken_gpu, _no_bfloat16, _float16)
