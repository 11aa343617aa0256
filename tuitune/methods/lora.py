"""LoRA (arXiv 2106.09685): small matrices beside the frozen layers of the base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.methods.descriptor import Method, Rates, Result, Settings

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

ADAPTER = Result("adapter", "adapter_config.json", "peft", ("peft",))

SUBTRACTED = frozenset({"pissa", "olora"})
"""Ways to begin with a part of the base's weights, which is subtracted from what the layers give."""


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """As PEFT counts: rank × (inputs + outputs) a layer, with DoRA a magnitude an output, and unfrozen bias terms."""
    if not facts.linears:
        return None
    trained = sum(settings.rank * (one.inputs + one.outputs) * one.count for one in (*adapted, *experts))
    if settings.dora:
        trained += sum(one.outputs * one.count for one in adapted)
    biased = {"none": (), "lora_only": adapted, "all": facts.linears}[settings.bias]
    return trained + sum(one.outputs * one.count for one in biased if one.bias)


def placed(settings: Settings, targets: str) -> str:
    """The targets as shown, with the layers of the model that they are in, where those are not all."""
    return f"{targets} of layers {settings.layers}" if settings.layers else targets


def _described(settings: Settings, targets: str, bits: int) -> str:
    base = "" if bits == 16 else f", base in {bits} bits"
    return f"lora r {settings.rank} α {settings.alpha} on {placed(settings, targets)}{base}"


def _recorded(settings: Settings, targets: str) -> str:
    ways = {"rsLoRA": settings.rslora, "DoRA": settings.dora, f"LoRA+ × {settings.lora_plus:g}": settings.lora_plus > 1}
    ways[f"begun by {settings.init}"] = settings.init != "default"
    more = "".join(f", {way}" for way, chosen in ways.items() if chosen)
    on = placed(settings, targets)
    return f"rank {settings.rank}, alpha {settings.alpha}, dropout {settings.dropout:g}, on {on}{more}"


LORA = Method(
    name="lora",
    title="LoRA",
    does="trains small matrices added to the frozen model",
    made="A LoRA adapter for",
    settings=frozenset(
        {"rank", "alpha", "dropout", "targets", "layers", "bias", "rslora", "dora", "lora_plus", "init"}
    ),
    trains_base=False,
    result=ADAPTER,
    rates=Rates(usual=2e-4, lowest=2e-5, highest=2e-3),
    small_rates=Rates(usual=2e-4, lowest=2e-5, highest=2e-2),
    too_high="is too high: training is likely to diverge",
    parameters=_parameters,
    described=_described,
    recorded=_recorded,
    rank=lambda settings: settings.rank,
    experts=True,
    tags=("lora",),
)
