"""The weights that a model has by its config, held against those that its files hold, by name and shape."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tuitune.hardware.model_facts import ModelFacts
from tuitune.hardware.weights import Tensor, named, sizes

_WRAPPERS = ("_orig_mod.", "module.", "base_model.model.", "_fsdp_wrapped_module.", "_forward_module.")
"""What torch.compile, data parallelism, PEFT, FSDP and DeepSpeed put before every name; transformers reads none."""

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Formats that hold a weight as it is; any other needs to be told how to be read."""

_NORMS = (
    "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
)  # fmt: skip
_FEED_FORWARD = ("gate_proj", "up_proj", "down_proj", "gate_up_proj")
_EMBEDDING, _HEAD, _ENDS = "model.embed_tokens.weight", "lm_head.weight", ("model.", "lm_head.")
_NOT_DESCRIBED = "in the weights, but not in the model that config.json describes"
_COMPUTED = "rotary_emb.inv_freq"
_EXPERT = re.compile(r"(?P<before>.*\.experts)\.(?P<number>\d+)\.(?P<after>.+)")
_NUMBER = re.compile(r"(?:^|\.)(\d+)\.")


def misfits(facts: ModelFacts, tensors: Mapping[str, Tensor]) -> list[str]:
    """What keeps `tensors` from being the weights of the model, in words that begin with the tensors' names.

    Nothing where they fit, and where that cannot be told from here: weights that are quantized, a mixture of experts,
    an architecture whose layout is not known. There layers and experts are counted and prefixes looked for, and the
    engine compares the rest.
    """
    if not tensors or facts.quantized:
        return []
    if packed := [name for name, tensor in tensors.items() if name.endswith(".weight") and tensor.dtype not in _FLOATS]:
        formats = " and ".join(sorted({tensors[name].dtype for name in packed}))
        untold = "config.json has no quantization_config that says how to read it"
        return [f"{named(packed)}: stored as {formats}, and {untold}"]
    if not all(tensor.plain for tensor in tensors.values()):
        return []
    if wrapper := next((prefix for prefix in _WRAPPERS if all(name.startswith(prefix) for name in tensors)), None):
        example = next(iter(tensors)).removeprefix(wrapper)
        return [f"{named(tensors)}: saved from a wrapped model; save them without {wrapper!r}, as {example}"]
    if problems := [*_absent_layers(facts, tensors), *_misnumbered_experts(facts, tensors)]:
        return problems
    return _compared(facts, tensors) if facts.linears and facts.experts is None else []


def _compared(facts: ModelFacts, tensors: Mapping[str, Tensor]) -> list[str]:
    expected = _expected(facts)
    alone = not any(name.startswith("model.") for name in tensors)
    found = {f"model.{name}" if alone and name not in expected else name: one for name, one in tensors.items()}
    absent = set(expected) - set(found)
    if facts.tied and {_EMBEDDING, _HEAD} & set(found):
        absent -= {_EMBEDDING, _HEAD}
    extra = {name for name in found if name not in expected and name.startswith(_ENDS) and not _beside(name)}
    differing = [
        f"{name} ({sizes(found[name].shape)} instead of {sizes(shape)})"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    problems = {
        "not in the weights": absent,
        _NOT_DESCRIBED: extra,
        "with a shape other than in config.json": differing,
    }
    return [f"{named(names)}: {what}" for what, names in problems.items() if names]


def _absent_layers(facts: ModelFacts, tensors: Collection[str]) -> list[str]:
    """The first layer that config.json counts and the weights do not have, by the names of layer 0."""
    numbers = [int(number[1]) for name in tensors if (number := _NUMBER.search(name))]
    stored = max(numbers, default=-1) + 1
    if facts.linears and len(tensors) < (facts.layers or 0):
        return [f"{named(tensors)}: too few weights for the {facts.layers:,} layers of config.json"]
    if not facts.layers or not numbers or stored >= facts.layers:
        return []
    alike = [name for name in tensors if (number := _NUMBER.search(name)) and number[1] == "0"]
    absent = [_NUMBER.sub(lambda number: number[0].replace("0", str(stored)), name, count=1) for name in alike]
    return [f"{named(absent)}: not in the weights, which have {stored} of the {facts.layers} layers of config.json"]


def _misnumbered_experts(facts: ModelFacts, tensors: Collection[str]) -> list[str]:
    """Experts that config.json counts and the weights do not have, and the other way round. transformers puts those of
    a layer together in the order of their numbers, whatever the numbers are: a router would choose others than meant.
    """
    if facts.experts is None:
        return []
    stored: dict[tuple[str, str], set[str]] = {}
    for name in tensors:
        if expert := _EXPERT.fullmatch(name):
            stored.setdefault((expert["before"], expert["after"]), set()).add(expert["number"])
    counted = {str(number) for number in range(facts.experts.count)}
    absent, extra = [], []
    for (before, after), numbers in stored.items():
        absent += [f"{before}.{number}.{after}" for number in counted - numbers]
        extra += [f"{before}.{number}.{after}" for number in numbers - counted]
    problems = {f"not in the weights, of {len(counted):,} experts in config.json": absent, _NOT_DESCRIBED: extra}
    return [f"{named(names)}: {what}" for what, names in problems.items() if names]


def _expected(facts: ModelFacts) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of a model whose layers are known, as transformers' Llama-like classes have them.

    `tests/hardware/test_layout.py` compares them with the classes themselves.
    """
    hidden, vocab = facts.hidden or 0, facts.vocab or 0
    shapes: dict[str, tuple[int, ...]] = {_EMBEDDING: (vocab, hidden), "model.norm.weight": (hidden,)}
    for number in range(facts.layers or 0):
        layer = f"model.layers.{number}"
        shapes |= {f"{layer}.{norm}.weight": (hidden,) for norm in _NORMS[: facts.norms]}
        if facts.head_norms:
            shapes |= {f"{layer}.self_attn.{norm}.weight": (facts.head_dim or 0,) for norm in ("q_norm", "k_norm")}
        for linear in facts.trunk:
            name = f"{layer}.{'mlp' if linear.name in _FEED_FORWARD else 'self_attn'}.{linear.name}"
            shapes[f"{name}.weight"] = (linear.outputs, linear.inputs)
            if linear.bias:
                shapes[f"{name}.bias"] = (linear.outputs,)
    return shapes | {_HEAD: (vocab, hidden)}


def _beside(name: str) -> bool:
    """Whether a tensor belongs to no part of the language model, or is computed anew: nobody reads it."""
    parts = name.split(".")
    return name.endswith(_COMPUTED) or (parts[0] == "model" and parts[1] not in ("layers", "embed_tokens", "norm"))
