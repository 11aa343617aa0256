"""Which layers of a model get an adapter, and the adapter put on them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tuitune.engine.load.model import Base
from tuitune.planning.targets import bears, expert_problems, numbered, resolve_targets
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_ROUTERS = frozenset({"gate", "router", "shared_expert_gate"})
"""What chooses the experts of a mixture is a decision, no representation: left as it was learned."""

_OWN_CODE, _ORDINARY = ("transformers.models.", "transformers_modules."), frozenset({"FalconLinear"})
"""Where models define linear layers of their own, which may return two tensors, and one that is like any other."""

_STATE_SPACES, _WEIGHTS_READ = frozenset({"mamba", "mixer"}), frozenset({"out_proj", "dt_proj"})
"""Layers of state spaces whose kernels take the weights themselves: an adapter beside them would never be asked."""

_READ_ELSEWHERE = (
    r"The following (rank|alpha)_pattern keys did not match any targeted module and were ignored: "
    r"\[('(\.\*\\\\\.[^']+|[^']+\.lora_E)'(, )?)+\]\.$"
)
"""PEFT's own names of a mixture's experts, and of the matrices that AdaLoRA has cut."""


def chosen(base: Base, recipe: Recipe) -> dict[str, Any]:
    """What the config of a method of PEFT says of the layers. TuituneError where a target cannot be adapted."""
    model, wanted = base.model, recipe.adapter
    names = linear_names(model)
    targets = resolve_targets(wanted.targets, names, model.config.model_type)
    if problems := expert_problems(wanted, targets, model.config.model_type):
        raise TuituneError(problems)
    found = {
        "task_type": task_type(recipe),
        "target_modules": targets,
        "exclude_modules": _elsewhere(model, targets, names),
    }
    layers = numbered(recipe, getattr(model.config.get_text_config(), "num_hidden_layers", None))
    return found if layers is None else {**found, "layers_to_transform": layers}


def task_type(recipe: Recipe) -> str:
    """What PEFT calls a model that writes texts, or one that gives scores."""
    return "SEQ_CLS" if recipe.optimises.scores else "CAUSAL_LM"


def chosen_by_name(base: Base, recipe: Recipe, known: Collection[str]) -> dict[str, Any]:
    """As `chosen`, for a config that has only the fields `known`: where it cannot say which layers of a name are meant,
    each is named whole.
    """
    found = {name: value for name, value in chosen(base, recipe).items() if value is not None}
    if found.keys() <= set(known):
        return found
    layers = [str(number) for number in found.get("layers_to_transform", [])]
    names = [
        name
        for name in linear_names(base.model)
        if any(bears(name, target) for target in found["target_modules"])
        and (not layers or not set(layers).isdisjoint(name.split(".")))
    ]
    return {"task_type": found["task_type"], "target_modules": names}


def put_on(base: Base, recipe: Recipe, config: PeftConfig) -> PeftModel:
    """The base, frozen, with the adapter of `config` on it."""
    with patterns_read_elsewhere():
        adapted = get_peft_model(base.model, config)
    if isinstance(targets := getattr(config, "target_modules", None), set):
        config.target_modules = sorted(targets)  # as a set it would be saved in another order every time
    if not Path(recipe.model.id).exists() and not recipe.model.id.startswith("bundled:"):
        config.base_model_name_or_path, config.revision = recipe.model.id, base.commit or recipe.model.revision
    return adapted


@contextmanager
def patterns_read_elsewhere() -> Iterator[None]:
    """Where PEFT puts an adapter on a model: without its warning that it ignored ranks which it looks for among whole
    layers, and reads as those of matrices or experts. Of other names it still says so.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _READ_ELSEWHERE)
        yield


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The layers that the model counts. TuituneError where they are nowhere in one list."""
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    for module in model.get_decoder().modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise TuituneError(Problem("adapter.layers", "this model does not keep its layers in one list; leave it empty"))


def linear_names(model: PreTrainedModel) -> list[str]:
    """Names of the language model's linear layers that an adapter can stand beside, quantized ones too.

    Not those of a vision or audio tower, of routers, and of a model's own classes, which may return several tensors.
    """
    inside = _language_model(model)
    return [name for name in _linear(model) if name.startswith(inside) and _is_adaptable(name, model)]


def _is_adaptable(name: str, model: PreTrainedModel) -> bool:
    *_, place, leaf = ["", *name.split(".")]
    own = type(model.get_submodule(name))
    return (
        _ROUTERS.isdisjoint(name.split("."))
        and not (place in _STATE_SPACES and leaf in _WEIGHTS_READ)
        and (own.__name__ in _ORDINARY or not own.__module__.startswith(_OWN_CODE))
    )


def _linear(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]


def _language_model(model: PreTrainedModel) -> str:
    """What the names of the language model's modules begin with: "" where it is the whole model."""
    decoder = model.get_decoder()
    return next((f"{name}." for name, module in model.named_modules() if module is decoder and name), "")


def _elsewhere(model: PreTrainedModel, targets: list[str], names: list[str]) -> str | None:
    """A pattern of the linear layers that bear a target's name and are not to be adapted; None where there are none."""
    strays = [one for one in _linear(model) if one not in set(names) and any(bears(one, name) for name in targets)]
    if not strays:
        return None
    inside = _language_model(model)
    if not any(one.startswith(inside) for one in strays):
        return rf"(?!{re.escape(inside)}).*"
    return "|".join(map(re.escape, strays))
