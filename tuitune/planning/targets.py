"""Which layers get an adapter: the recipe's names, translated to what a model calls its layers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from tuitune.problem import Problem, TuituneError

OUTPUT_HEADS = frozenset({"lm_head", "embed_out", "output", "output_layer"})
"""Names of the layer that turns hidden states into words; `all-linear` leaves it alone, as PEFT does."""

_FUSED = ("qkv_proj", "query_key_value", "Wqkv", "c_attn", "qkv", "wqkv", "W_pack", "att_proj", "in_proj")
_BLOCKS = ("attention", "self_attention", "self_attn", "attn")
_UP = ("gate_up_proj", "dense_h_to_4h", "c_fc", "fc1", "fc_in", "w1")
_ATTENTION_OUT = tuple(f"{block}.{name}" for block in _BLOCKS for name in ("dense", "c_proj", "out_proj"))

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "q_proj": ("query", "q_lin", "wq", *_FUSED),
    "k_proj": ("key", "k_lin", "wk", *_FUSED),
    "v_proj": ("value", "v_lin", "wv", *_FUSED),
    "o_proj": (*_ATTENTION_OUT, "out_proj", "dense", "wo", "c_proj"),
    "gate_proj": _UP,
    "up_proj": ("gate_up_proj", "dense_h_to_4h", "c_fc", "fc1", "fc_in", "w3", "w1"),
    "down_proj": ("dense_4h_to_h", "mlp.c_proj", "fc2", "fc_out", "w2", "c_proj"),
}
"""What other architectures call the layers that Llama named, likeliest first."""


def resolve_targets(targets: Sequence[str] | str, linear_names: Iterable[str]) -> list[str]:
    """Names for PEFT's `target_modules`, each of which some linear layer of the model bears (whole, or at its end after
    a dot).

    `linear_names` are module names, whole (`model.layers.0.self_attn.q_proj`) or last parts (`q_proj`). A name that the
    model has is taken as it is; Llama's names also find their counterparts elsewhere (`q_proj` → `qkv_proj`,
    `query_key_value`, …). `all-linear` is every linear layer but the output head. Raises TuituneError naming what the
    model has.
    """
    names = list(dict.fromkeys(linear_names))
    leaves = [leaf for leaf in dict.fromkeys(name.rpartition(".")[2] for name in names) if leaf not in OUTPUT_HEADS]
    if targets == "all-linear":
        if not leaves:
            raise TuituneError(Problem("adapter.targets", "this model has no linear layers that could be adapted"))
        return leaves
    wanted = [targets] if isinstance(targets, str) else targets
    found: dict[str, str | None] = {target: _find(target, names) for target in wanted}
    missing = [target for target, name in found.items() if name is None]
    if missing:
        raise TuituneError([_unknown(target, leaves) for target in missing])
    if not wanted:
        raise TuituneError(Problem("adapter.targets", "name at least one layer"))
    return list(dict.fromkeys(name for name in found.values() if name))


def _find(target: str, names: list[str]) -> str | None:
    """The target itself where the model has it, else its first counterpart that the model has."""
    return next(
        (name for name in (target, *_SYNONYMS.get(target, ())) if any(_bears(known, name) for known in names)), None
    )


def _bears(module: str, name: str) -> bool:
    return bool(name) and (module == name or module.endswith(f".{name}"))


def _unknown(target: str, leaves: list[str]) -> Problem:
    near = difflib.get_close_matches(target, leaves, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    there = ", ".join(leaves) or "no linear layers"
    return Problem("adapter.targets", f"the model has no layer {target!r}{guess}; it has {there}")
