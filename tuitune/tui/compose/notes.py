"""What follows from a value, beside it in the form: α/r, the effective batch, steps."""

from __future__ import annotations

import math
from dataclasses import replace

from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import warm_up_steps
from tuitune.units import count_text, number_text
from tuitune.views.estimate import Estimate


def notes(recipe: Recipe, outlook: Estimate | None) -> dict[str, str]:
    """Key → what follows from its value. `outlook` may be of an earlier version of the recipe."""
    adapter, training = recipe.adapter, recipe.training
    root = math.sqrt(adapter.rank) if adapter.rslora else adapter.rank
    found = {
        "adapter.alpha": f"scaling {'α/√r' if adapter.rslora else 'α/r'} = {_plain(adapter.alpha / root)}",
        "training.accumulation": f"effective batch {training.batch_size * training.accumulation}",
        "samples.prompts": _prompts(len(recipe.samples.prompts)),
        "quantization.bits": {4: "QLoRA", 8: "LLM.int8()", 16: "as loaded"}[recipe.quantization.bits],
    }
    if isinstance(recipe.data.eval, float):
        found["data.eval"] = f"{recipe.data.eval * 100:g} % of the rows"
    if outlook is None:
        return found
    if outlook.total:
        found["model.id"] = f"{count_text(outlook.total)} parameters"
        if outlook.trainable is not None and recipe.method.uses("targets"):
            found["adapter.targets"] = f"trains {count_text(outlook.trainable)}"
    if outlook.rows is not None:
        found["data.train"] = f"{outlook.rows:,} to train on"
    if (steps := outlook.steps) is not None:
        found["training.epochs"] = steps.phrase
        found["training.warmup_ratio"] = replace(steps, count=warm_up_steps(steps.count, training)).phrase
    return found


def _prompts(count: int) -> str:
    return "1 prompt" if count == 1 else f"{count} prompts" if count else "none yet"


def _plain(figure: float) -> str:
    return f"{figure:.1f}" if 0.1 <= figure < 1000 else number_text(figure)
