"""Combinations of settings that cannot work together with the libraries as they are, each with its remedy.

What merely does nothing, costs memory or is unwise is advice, not a rule: see `tuitune.planning`.
"""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tuitune.recipe.schema import Recipe
from tuitune.recipe.values import shown
from tuitune.roles import NEEDED, ROLES, ROLES_OF, shape_of

_MOST_MIXED = 0.9
_MARK = re.compile(r"[0-9a-f]{16}")
_DEVICE = re.compile(r"auto|cpu|\d{1,3}|(GPU|MIG)-[A-Za-z0-9/-]{4,80}")


@dataclass(frozen=True)
class Rule:
    """`broken` gives a message where it does not hold. `keys` are the settings it reads, the one to change first."""

    keys: tuple[str, ...]
    broken: Callable[[Recipe], str | None]


def _quantized_base(recipe: Recipe) -> str | None:
    """transformers refuses to train a purely quantized model (`validate_quantization_for_training`)."""
    if recipe.method.trains_base and recipe.quantization.bits != 16:
        return (
            f"{recipe.quantization.bits}-bit weights cannot be trained; "
            'set quantization.bits = 16, or adapter.method = "lora"'
        )
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


def _targets(recipe: Recipe) -> str | None:
    targets = recipe.adapter.targets
    if not recipe.method.uses("targets") or targets == "all-linear":
        return None
    if not targets:
        return 'nothing to train; name modules such as q_proj and v_proj, or "all-linear"'
    if "all-linear" in targets:
        return 'all-linear cannot be combined with module names; write targets = "all-linear"'
    if any(not name.strip() for name in targets):
        return "a module name is empty; remove it"
    if any(name.rpartition(".")[2] == "lm_head" for name in targets):
        return "lm_head cannot have an adapter: the loss reads its weights directly; remove it"
    return None


def _polynomial(recipe: Recipe) -> str | None:
    """transformers' polynomial schedule ends at 1e-7 and refuses to start at or below it."""
    if recipe.training.schedule == "polynomial" and recipe.training.learning_rate <= 1e-7:
        return "the polynomial schedule ends at 1e-7; set a higher rate, or another schedule"
    return None


def _answers(recipe: Recipe) -> str | None:
    if recipe.evaluation.answers and recipe.data.eval is None:
        return "no held-out rows to answer; set data.eval to a fraction or a file, or answers = 0"
    return None


def _same_rows(recipe: Recipe) -> str | None:
    held_out, train = recipe.data.eval, recipe.data.train
    if isinstance(held_out, str) and _place(held_out) == _place(train):
        return "these are the training rows; name other data, or a fraction such as 0.05"
    return None


def _mix(recipe: Recipe) -> str | None:
    mix, held_out = recipe.data.mix, recipe.data.eval
    places = [_place(name) for name in mix]
    if any(not name.strip() for name in mix):
        return "a share has no data set; name a file or set, or remove it"
    if _place(recipe.data.train) in places:
        return "these are the training rows; name other data"
    if isinstance(held_out, str) and _place(held_out) in places:
        return "the held-out rows would be trained on; name other data"
    if len(set(places)) < len(places):
        return "one data set is named twice; give it one share"
    if (whole := sum(mix.values())) > _MOST_MIXED:
        return f"the shares add up to {whole:.4g}; at most {_MOST_MIXED} can be mixed in, and 0.1 to 0.2 is usual"
    return None


def _exclude(recipe: Recipe) -> str | None:
    strange = next((mark for mark in recipe.data.exclude if not _MARK.fullmatch(mark)), None)
    if strange is None:
        return None
    return f"{shown(strange)} is not a row mark; a mark has 16 lower-case hexadecimal digits"


def _place(name: str) -> str:
    try:
        return name if ":" in name else os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111
    except ValueError:
        return name


def _one_row(recipe: Recipe) -> str | None:
    if recipe.data.limit == 1 and isinstance(recipe.data.eval, float):
        return 'one row cannot be split into training and held-out rows; raise the limit, or set data.eval = ""'
    return None


def _plain_text(recipe: Recipe) -> str | None:
    if recipe.data.shape == "text" and recipe.data.loss_on != "all":
        return f'plain text has no {recipe.data.loss_on} turns; set loss_on = "all"'
    return None


def _columns(recipe: Recipe) -> str | None:
    columns = recipe.data.columns
    if not columns:
        return None
    if strange := [role for role in columns if role not in ROLES]:
        return f"unknown role {shown(strange[0])}; the roles are {', '.join(ROLES)}, each with the name of its column"
    if empty := [role for role, column in columns.items() if not column.strip()]:
        return f"the column for {empty[0]} has no name; name one, or remove the role"
    if "text" in columns and len(columns) > 1:
        return "text cannot be combined with other roles; map either text, or prompt and completion"
    shape = shape_of(columns) if recipe.data.shape == "auto" else recipe.data.shape
    if strange := [role for role in columns if role not in ROLES_OF[shape]]:
        takes = " and ".join(NEEDED.get(shape, ROLES_OF[shape]))
        return f"the shape {shape} has no {strange[0]}, only {takes}; remove the column, or change the shape"
    if missing := [role for role in NEEDED.get(shape, ()) if role not in columns]:
        return f'{missing[0]} has no column; add {missing[0]} = "…"'
    if len(set(columns.values())) < len(columns):
        return "one column has two roles; give each role its own column"
    return None


def _prompts(recipe: Recipe) -> str | None:
    empty = [number for number, prompt in enumerate(recipe.samples.prompts, 1) if not prompt.strip()]
    return f"prompt {empty[0]} is empty; write it, or remove it" if empty else None


def _patience(recipe: Recipe) -> str | None:
    if recipe.evaluation.patience is None:
        return None
    if recipe.data.eval is None:
        return "no held-out rows to evaluate; set data.eval to a fraction or a file, or leave patience empty"
    if recipe.evaluation.every == "end":
        return "evaluation runs only at the end; set evaluation.every to a number of steps, or epoch"
    return None


def _budget(recipe: Recipe) -> str | None:
    if recipe.limits.cost is not None and recipe.limits.price_per_hour is None:
        return "the price per hour is missing; set limits.price_per_hour, or leave the budget empty"
    return None


def _until(recipe: Recipe) -> str | None:
    moment = recipe.limits.until
    try:
        if moment:
            datetime.fromisoformat(moment)
    except ValueError:
        return f"{shown(moment)} is not a date and time; write one such as 2026-12-24T08:00, or leave it empty"
    return None


def _device(recipe: Recipe) -> str | None:
    if not _DEVICE.fullmatch(recipe.hardware.gpu):
        return f"{shown(recipe.hardware.gpu)} is not a device; write auto, cpu, or a number or UUID from `tuitune gpus`"
    return None


def _command(recipe: Recipe) -> str | None:
    try:
        shlex.split(recipe.run.notify)
    except ValueError as error:
        return f"cannot parse the command ({error}); close every quotation mark"
    return None


RULES: tuple[Rule, ...] = (
    Rule(("quantization.bits", "adapter.method"), _quantized_base),
    Rule(("training.precision", "model.dtype"), _half_formats),
    Rule(("model.dtype", "adapter.method"), _trained_halves),
    Rule(("adapter.bias", "adapter.method", "training.precision", "model.dtype"), _trained_half_biases),
    Rule(("adapter.targets", "adapter.method"), _targets),
    Rule(("training.learning_rate", "training.schedule"), _polynomial),
    Rule(("evaluation.answers", "data.eval"), _answers),
    Rule(("data.eval", "data.train"), _same_rows),
    Rule(("data.mix", "data.train", "data.eval"), _mix),
    Rule(("data.exclude",), _exclude),
    Rule(("data.limit", "data.eval"), _one_row),
    Rule(("data.loss_on", "data.shape"), _plain_text),
    Rule(("data.columns", "data.shape"), _columns),
    Rule(("samples.prompts",), _prompts),
    Rule(("evaluation.patience", "data.eval", "evaluation.every"), _patience),
    Rule(("limits.cost", "limits.price_per_hour"), _budget),
    Rule(("limits.until",), _until),
    Rule(("hardware.gpu",), _device),
    Rule(("run.notify",), _command),
)
