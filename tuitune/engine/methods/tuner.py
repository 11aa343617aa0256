"""Any tuner of PEFT: its config made of the options that a recipe gives, checked by what its class declares."""

from __future__ import annotations

import enum
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import chosen_by_name, put_on, task_type
from tuitune.engine.process.failures import first_line
from tuitune.methods.options import Option, OptionKind, wrong
from tuitune.methods.tuners import TUNERS
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

SETTLED: dict[str, Any] = {
    "progressbar": False, "save_projection": True, "save_only_topk_weights": False, "save_precomputed_indices": True,
    "boft_n_butterfly_factor": 1,
}  # fmt: skip
"""What is the same in every run: all that training needs is saved, nothing is drawn on a terminal, and what trains does
not depend on whether PEFT could compile kernels (without those of BOFT it takes one butterfly whatever was asked for).
"""

_ELSEWHERE = frozenset(
    {
        "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save", "bias",
        "fan_in_fan_out", "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers",
        *SETTLED, *(field.name for field in fields(PeftConfig)),
    }
)  # fmt: skip
"""Fields that are no options: settings of the recipe, what the model itself says, and parts of the base that PEFT would
train but not save with every tuner."""

_RARE = re.compile(r"seed|prng|init|pattern|terms|eps|bound|std|offload|svd|indices|scale$|conv2d|target_")
_REFUSED = (ValueError, TypeError, ImportError, AttributeError, LookupError, NotImplementedError, RuntimeError)
_TOKENS = "token_indices"


def config_class(name: str) -> type[PeftConfig]:
    """The config class of a tuner by its name in small letters."""
    return PEFT_TYPE_TO_CONFIG_MAPPING[name.upper()]


METHODS = tuple(TUNERS.values())


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with the tuner on it. TuituneError where PEFT does not take its options on this model."""
    name, given = recipe.adapter.method, dict(recipe.adapter.options)
    kind = config_class(name)
    if problems := [*wrong(options(kind), given), *_no_tokens(given.get(_TOKENS), base.model)]:
        raise TuituneError([Problem("adapter.options", message) for message in problems])
    known = {field.name for field in fields(kind)}
    settled = {key: value for key, value in SETTLED.items() if key in known}
    try:
        config = kind(**_places(base, recipe, known), **settled, **given)
        adapted = put_on(base, recipe, config)
    except _REFUSED as error:
        said = f"{recipe.method.title} cannot be put on this model: {first_line(error)}"
        raise TuituneError(Problem("adapter.options", said)) from error
    if isinstance(adapted.get_base_model().get_output_embeddings(), BaseTunerLayer):
        said = f"{recipe.method.title} would change the output head with the embeddings, which are one matrix here"
        raise TuituneError(Problem("adapter.method", f'{said}; set it to "lora", and adapter.trainable_tokens'))
    if not sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad):
        raise TuituneError(Problem("adapter.options", f"{recipe.method.title} has nothing to train by these options"))
    return Adapted(adapted)


def _no_tokens(numbers: Any, model: PreTrainedModel) -> Iterator[str]:
    """What of the numbers of tokens, if there are any, is none of this model, or stands there again."""
    rows, seen = model.get_input_embeddings().weight.shape[0], set[int]()
    for number in numbers if isinstance(numbers, list) else ():
        if type(number) is not int or not 0 <= number < rows:
            yield f"{_TOKENS}: {number!r} is no token of this model, whose tokens are 0 to {rows - 1:,}"
        elif number in seen:
            yield f"{_TOKENS}: {number} stands there twice; name it once"
        else:
            seen.add(number)


def _places(base: Base, recipe: Recipe, known: set[str]) -> dict[str, Any]:
    """Where it goes: the recipe's targets, the norms, or where PEFT puts it by itself."""
    if recipe.method.uses("targets"):
        return chosen_by_name(base, recipe, known)
    where = {"target_modules": _norms(base.model)} if recipe.adapter.method == "ln_tuning" else {}
    return {"task_type": task_type(recipe), **where}


def _norms(model: nn.Module) -> list[str]:
    found = (name for name, module in model.named_modules() if type(module).__name__.endswith("Norm"))
    return list(dict.fromkeys(name.rpartition(".")[2] for name in found))


def options(kind: type[PeftConfig]) -> list[Option]:
    """The options of a config class, in its order; of what PEFT declares otherwise there is none."""
    hints = get_type_hints(kind)
    return [one for field in fields(kind) if field.name not in _ELSEWHERE for one in _option(field, hints[field.name])]


def _option(field: Field[Any], hint: Any) -> Iterator[Option]:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    if isinstance(default, enum.Enum):
        default = default.value
    kind, choices = _kind(hint)
    if kind is not None:
        said = field.metadata.get("help") or ""
        told = " ".join("".join(said).split())
        yield Option(field.name, kind, default, told, choices, advanced=bool(_RARE.search(field.name)))


def _kind(hint: Any) -> tuple[OptionKind | None, tuple[Any, ...]]:
    """The kind of an option by its type; None where it is no plain one."""
    parts = [part for part in _alternatives(hint) if part is not type(None)]
    literals = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    enums = [
        member.value for part in parts if isinstance(part, type) and issubclass(part, enum.Enum) for member in part
    ]
    if literals or enums:
        switches = (True, False) if bool in parts else ()
        return "choice", (*switches, *literals, *enums)
    kinds: list[tuple[OptionKind, Callable[[Any], bool]]] = [
        ("switch", lambda part: part is bool),
        ("number", lambda part: part is float),
        ("integer", lambda part: part is int),
        ("text", lambda part: part is str),
        ("list", lambda part: part is list or get_origin(part) is list),
        ("table", lambda part: part is dict or get_origin(part) is dict),
    ]
    return next((kind for kind, has in kinds if any(map(has, parts))), None), ()


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
