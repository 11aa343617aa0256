"""Advice on what the adapter is and what it is put on."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.methods.ia3 import FEED_FORWARD, IA3
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.planning.targets import EXPERT_PARAMETERS, expert_names
from tuitune.units import bytes_text, count_text


def _rank(now: Situation) -> Iterator[Advice]:
    total, method = now.model.facts.parameters if now.model.facts else None, now.recipe.method
    if method.uses("modules_to_save") and now.recipe.adapter.modules_to_save != "none":
        return
    if not method.rank(now.recipe.adapter) or not now.trainable or not total or now.trainable <= total / 2:
        return
    sizes = f"{count_text(now.trainable)} parameters, the model {count_text(total)}"
    usual = {"rank": 16, "alpha": 32} if method.uses("rank") else {"initial_rank": 12, "target_rank": 8}
    key, rank = next(iter(usual.items()))
    message = f"the adapter is too large: it has {sizes}. Rank {rank} is usual"
    fix = {f"adapter.{name}": value for name, value in usual.items()}
    yield Advice("rank-large", "warning", f"adapter.{key}", message, fix)


def _scaled_layers(now: Situation) -> Iterator[Advice]:
    """Those of the paper: keys, values, and what the feed-forward's last layer reads."""
    facts, targets = now.model.facts, now.recipe.adapter.targets
    usual = ["k_proj", "v_proj", *([] if facts is not None and facts.experts else [FEED_FORWARD])]
    if now.recipe.method is IA3 and (targets == "all-linear" or sorted(targets) != sorted(usual)):
        message = f"IA3 usually scales {', '.join(usual)}"
        yield Advice("ia3-targets", "info", "adapter.targets", message, {"adapter.targets": usual})


def _experts(now: Situation) -> Iterator[Advice]:
    """Most of a mixture are its experts, and an adapter that leaves them alone learns less than its rank promises."""
    facts, adapter = now.model.facts, now.recipe.adapter
    if facts is None or facts.experts is None or not now.recipe.method.uses("targets"):
        return
    known = EXPERT_PARAMETERS.get(facts.model_type or "", {})
    named = isinstance(adapter.targets, list) and bool(expert_names(adapter.targets, facts.model_type))
    if named:
        message = "each expert gets an adapter too"
    else:
        names = " and ".join(name for name in known if name != "gate" and now.recipe.method.experts)
        way = f"; to adapt them, add {names} to adapter.targets and set adapter.dropout = 0" if names else ""
        message = f"the {facts.experts.count} experts of each layer are not trained{way}"
    yield Advice("experts", "info", "adapter.targets", message)


def _experts_in_16_bits(now: Situation) -> Iterator[Advice]:
    """transformers holds experts in parameters of three dimensions, which bitsandbytes does not quantize."""
    facts = now.model.facts
    if now.recipe.quantization.bits == 16 or facts is None or facts.experts is None or now.forecast is None:
        return
    kept = now.forecast.parts["experts"]
    whole = kept + now.forecast.parts["weights"]
    message = f"the experts stay in 16 bits: {bytes_text(kept)} of {bytes_text(whole)} of weights are not quantized"
    yield Advice("experts-16-bit", "warning", "quantization.bits", message)


RULES = (_rank, _scaled_layers, _experts, _experts_in_16_bits)
