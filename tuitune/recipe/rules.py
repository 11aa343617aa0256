"""Combinations of settings that cannot work together with the libraries as they are, each with its remedy.

Those within one section stand with its settings (`tuitune.recipe.sections`), those that tie sections together here.
What merely does nothing, costs memory or is unwise is advice, not a rule: see `tuitune.planning`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tuitune.methods.lora import CORRECTING
from tuitune.recipe.declaration import Section
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import sections
from tuitune.recipe.support import MISFITS, fitting, misfits, refused
from tuitune.rewards import REWARDS, Reward
from tuitune.shapes import TRAINABLE


@dataclass(frozen=True)
class Rule:
    """`broken` gives a message where it does not hold. `keys` are the settings it reads, the one to change first."""

    keys: tuple[str, ...]
    broken: Callable[[Recipe], str | None]


def _misfit(key: str, recipe: Recipe) -> str | None:
    """Where a setting does not go with the method, which says why itself."""
    if (why := misfits(recipe).get(key)) is None:
        return None
    method = recipe.method
    values = fitting(key, method)
    remedy = f'{values}, or adapter.method = "lora"' if values else '"lora", or another of docs/methods.md'
    return f"{refused(key, recipe, method)}: {why}; set it to {remedy}"


def _decomposed_base(recipe: Recipe) -> str | None:
    """PEFT has the decompositions of 16- and 32-bit weights alone (`LoraLayer.pissa_init`)."""
    adapter, bits = recipe.adapter, recipe.quantization.bits
    if recipe.method.uses("init") and adapter.init == "pissa" and bits != 16:
        return f'pissa cannot decompose {bits}-bit weights; set it to "olora" or "default", or quantization.bits = 16'
    return None


def _read_rows(recipe: Recipe) -> str | None:
    objective = recipe.optimises
    if recipe.method.uses("init") and recipe.adapter.init == "eva" and objective.generates:
        return f'eva looks at training rows, and those of {objective.name} are prompts; set it to "default"'
    return None


def _corrected_base(recipe: Recipe) -> str | None:
    """An objective that compares takes the base without its adapter for the model that training began with."""
    init, objective = recipe.adapter.init, recipe.optimises
    if not recipe.method.uses("init") or init not in CORRECTING:
        return None
    if recipe.quantization.bits == 16:
        return f'{init} corrects a quantized base; set it to "default", or quantization.bits = 4'
    if objective.compares or objective.generates:
        return f'{objective.name} compares with the base, from which {init} starts away; set it to "default"'
    return None


def _moving_reference(recipe: Recipe) -> str | None:
    """Trained biases are the base's own: they stay as trained when PEFT switches the adapter off."""
    if recipe.compares and recipe.method.uses("bias") and recipe.adapter.bias != "none":
        compares = f"{recipe.objective.kind} compares with the base"
        return f'{compares}, and trained biases stay in it when the adapter is off; set it to "none"'
    return None


def _half_formats(recipe: Recipe) -> str | None:
    """bfloat16 weights overflow in float16 arithmetic, and float16 weights have no loss scaling under bf16."""
    weights, precision = recipe.model.dtype, recipe.training.precision
    if (weights, precision) in (("bfloat16", "fp16"), ("float16", "bf16")):
        wanted = "bf16" if weights == "bfloat16" else "fp16"
        return f'{precision} arithmetic does not work with {weights} weights; set "auto" or "{wanted}"'
    return None


def _trained_halves(recipe: Recipe) -> str | None:
    """torch's gradient scaler, which fp16 training needs, refuses float16 gradients (`GradScaler.unscale_`)."""
    if recipe.method.trains_base and recipe.model.dtype == "float16":
        return 'float16 weights cannot be trained; set model.dtype = "float32"'
    return None


def _trained_half_biases(recipe: Recipe) -> str | None:
    """Biases keep the format of the base, and torch's gradient scaler refuses float16 gradients."""
    half = recipe.model.dtype == "float16" or (recipe.training.precision == "fp16" and recipe.model.dtype == "auto")
    if recipe.method.uses("bias") and recipe.adapter.bias != "none" and half:
        return (
            'bias terms cannot be trained in float16; set bias = "none", training.precision = "bf16" or "fp32" with '
            'model.dtype = "auto", or model.dtype = "float32"'
        )
    return None


def _plain_text(recipe: Recipe) -> str | None:
    shape, learned = TRAINABLE.get(recipe.data.shape), recipe.data.loss_on
    if shape is not None and shape.roles.whole and recipe.optimises.reads("data.loss_on") and learned != "all":
        return f'plain text has no {learned} turns; set loss_on = "all", or objective.kind = "pretrain"'
    return None


def _least_batch(recipe: Recipe) -> str | None:
    """Where the answers of a batch are held against each other (trl's `KTOTrainer` refuses batches of one)."""
    objective = recipe.optimises
    if recipe.training.batch_size < objective.least_batch:
        return f"{objective.name} compares the rows of a batch; set it to {objective.least_batch} or more"
    return None


def _answers(recipe: Recipe) -> str | None:
    if recipe.evaluation.answers and recipe.optimises.scores:
        return f"{recipe.optimises.title} writes no answers; set answers = 0"
    if recipe.evaluation.answers and recipe.data.eval is None:
        return "no held-out rows to answer; set data.eval to a fraction or a file, or answers = 0"
    return None


def _patience(recipe: Recipe) -> str | None:
    if recipe.evaluation.patience is None:
        return None
    if recipe.data.eval is None:
        return "no held-out rows to evaluate; set data.eval to a fraction or a file, or leave patience empty"
    if recipe.evaluation.every == "end":
        return "evaluation runs only at the end; set evaluation.every to a number of steps, or epoch"
    return None


def _groups(recipe: Recipe) -> str | None:
    """trl's trainers refuse a step that parts the answers to a prompt (`GRPOConfig.__post_init__`)."""
    answers, each = recipe.training.batch_size * recipe.training.accumulation, recipe.objective.generations
    if not recipe.optimises.generates or answers % each == 0:
        return None
    whole = math.lcm(recipe.training.batch_size, each) // recipe.training.batch_size
    return (
        f"a step takes {answers:,} answers (batch size × accumulation), no multiple of the {each} to each prompt; "
        f"set training.accumulation = {whole}, or objective.generations = {_divisor(answers, each)}"
    )


def _divisor(answers: int, wanted: int) -> int:
    """The number of answers a prompt that goes into a step, nearest to the one wanted; at least two."""
    fitting = [number for number in range(2, answers + 1) if answers % number == 0]
    return min(fitting, key=lambda number: abs(number - wanted), default=2)


def _rewarded(recipe: Recipe) -> str | None:
    if recipe.optimises.generates and not recipe.rewards.weights:
        return f"{recipe.objective.kind} learns by rewards, and none is named; set it to one or more, such as json = 1"
    return None


def _filled(reward: Reward, name: str) -> Callable[[Recipe], str | None]:
    def broken(recipe: Recipe) -> str | None:
        lacks = recipe.optimises.generates and reward.name in recipe.rewards.weights
        if lacks and not getattr(recipe.rewards, name):
            return f"the reward {reward.name} needs it; fill it in, or take {reward.name} out of rewards.weights"
        return None

    return broken


def _loss_limit(recipe: Recipe) -> str | None:
    if recipe.limits.loss is not None and recipe.optimises.generates:
        return f"the training loss of {recipe.objective.kind} does not fall as it learns; leave it empty"
    return None


def _within(section: str, model: type[Section]) -> Iterator[Rule]:
    """The rules that a section declares of itself."""
    for method in filter(inspect.isfunction, vars(model).values()):
        if names := getattr(method, "reads", ()):
            yield Rule(tuple(f"{section}.{name}" for name in names), partial(_broken_within, section, method))


def _broken_within(section: str, broken: Callable[[Section], str | None], recipe: Recipe) -> str | None:
    return broken(getattr(recipe, section))


RULES: tuple[Rule, ...] = (
    *(one for section, model in sections().items() for one in _within(section, model)),
    *(Rule((key, *({"adapter.method", "objective.kind"} - {key})), partial(_misfit, key)) for key in MISFITS),
    Rule(("adapter.init", "adapter.method", "quantization.bits"), _decomposed_base),
    Rule(("adapter.init", "adapter.method", "quantization.bits", "objective.kind"), _corrected_base),
    Rule(("adapter.init", "adapter.method", "objective.kind"), _read_rows),
    Rule(("training.precision", "model.dtype"), _half_formats),
    Rule(("model.dtype", "adapter.method"), _trained_halves),
    Rule(("adapter.bias", "adapter.method", "training.precision", "model.dtype"), _trained_half_biases),
    Rule(("adapter.bias", "adapter.method", "objective.kind", "objective.kl"), _moving_reference),
    Rule(("rewards.weights", "objective.kind"), _rewarded),
    *(
        Rule((f"rewards.{name}", "rewards.weights", "objective.kind"), _filled(reward, name))
        for reward in REWARDS.values()
        for name in reward.filled
    ),
    Rule(("training.batch_size", "training.accumulation", "objective.generations", "objective.kind"), _groups),
    Rule(("limits.loss", "objective.kind"), _loss_limit),
    Rule(("data.loss_on", "data.shape", "objective.kind"), _plain_text),
    Rule(("training.batch_size", "objective.kind"), _least_batch),
    Rule(("evaluation.answers", "data.eval", "objective.kind"), _answers),
    Rule(("evaluation.patience", "data.eval", "evaluation.every"), _patience),
)
