"""A checkpoint held against its model: whether the weights that were loaded are all the weights that the model has."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from tuitune.engine.process.failures import EngineError
from tuitune.hardware.weights import named, sizes
from tuitune.text import clean

_NUMBERS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Leftovers:
    """What there is to say about weights that were loaded whole, by the names of tensors.

    `unread` belong to parts that this model does not have, such as the vision tower of a text model; `zero` are
    matrices of nothing but zeros, and weights of normalisations that let nothing through.
    """

    unread: list[str]
    zero: list[str]


def hold(model: PreTrainedModel, info: Mapping[str, Collection[Any]], shown: str) -> Leftovers:
    """Compare what transformers found in a checkpoint (`output_loading_info`) with the model that it made of it.

    EngineError names the tensors where some are missing, have another shape, are extra in a part that the model has, or
    are not finite: the model would be another than the checkpoint's, or partly random.
    """
    unread = sorted(name for name in info["unexpected_keys"] if _is_beside(name, model))
    differing = {
        name: f"{name} ({sizes(found)} instead of {sizes(wanted)})" for name, found, wanted in info["mismatched_keys"]
    }
    extremes = _extremes(model)
    problems = {
        "not in the checkpoint": set(info["missing_keys"]) - set(differing),
        "in the checkpoint, but not in the model that config.json describes": set(info["unexpected_keys"])
        - set(unread),
        "with a shape other than in config.json": differing.values(),
        "not finite numbers": [name for name, (low, high) in extremes.items() if not math.isfinite(low + high)],
    }
    if found := [f"{named(names)}: {what}" for what, names in problems.items() if names]:
        raise EngineError(
            clean(f"model.id: the weights of {shown} do not match the model. {'; '.join(found)}. ", limit=500)
            + "Use the config.json that was saved with these weights, or download the model again."
        )
    empty = [name for name, both in extremes.items() if both == (0.0, 0.0)]
    dead = [name for name in empty if model.get_parameter(name).ndim > 1 or _lets_nothing_through(model, name)]
    return Leftovers(unread, dead)


def _lets_nothing_through(model: PreTrainedModel, name: str) -> bool:
    """Whether the module of a weight of zeros, one dimension of them, gives the same whatever it is given: a
    normalisation does that scales with its weight, and none that scales with 1 more, as Gemma's.
    """
    owner, _, own = name.rpartition(".")
    weight = model.get_parameter(name)
    if own != "weight" or len(weight) < 2:
        return False
    rising = torch.arange(len(weight), dtype=weight.dtype, device=weight.device)[None]
    try:
        with torch.no_grad():
            one, other = (model.get_submodule(owner)(given) for given in (rising, rising.flip(-1)))
    except (TypeError, ValueError, RuntimeError):  # it is no normalisation
        return False
    return torch.equal(one, other)


def _is_beside(name: str, model: PreTrainedModel) -> bool:
    """Whether a tensor belongs to a part that stands beside the model's own parts, not to a layer of one."""
    parent, *rest = name.split(".")
    inner = getattr(model, model.base_model_prefix, None)
    if parent == model.base_model_prefix and inner is not None and len(rest) > 1:
        return not hasattr(inner, rest[0])
    return not hasattr(model, parent) and not (inner is not None and hasattr(inner, parent))


def _extremes(model: PreTrainedModel) -> dict[str, tuple[float, float]]:
    """The least and the greatest number of each weight, read once and fetched from the device together."""
    weights = {name: one.detach() for name, one in model.named_parameters() if one.numel() and one.dtype in _NUMBERS}
    if not weights:
        return {}
    found = torch.stack([torch.stack(weight.aminmax()).float() for weight in weights.values()])
    return {name: (low, high) for name, (low, high) in zip(weights, found.tolist(), strict=True)}
