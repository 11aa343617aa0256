"""IA3 (arXiv 2205.05638): vectors that scale what frozen layers give, or take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.methods.descriptor import WIDENED, Method, Rates, Settings, Support
from tuitune.methods.lora import ADAPTER

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

FEED_FORWARD = "down_proj"
"""The layer that is scaled where it reads, by Llama's name; others are scaled where they write."""


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """As PEFT counts: one for each output of a layer, or for each input of the feed-forward's."""
    if not facts.linears:
        return None
    return sum((one.inputs if one.name == FEED_FORWARD else one.outputs) * one.count for one in adapted)


def _described(settings: Settings, targets: str, bits: int) -> str:
    return f"ia3 on {targets}" + ("" if bits == 16 else f", base in {bits} bits")


IA3 = Method(
    name="ia3",
    title="IA3",
    does="trains vectors that scale the frozen layers, a few numbers each",
    made="An IA3 adapter for",
    settings=frozenset({"targets"}),
    trains_base=False,
    result=ADAPTER,
    rates=Rates(usual=5e-3, lowest=5e-4, highest=3e-2),
    small_rates=Rates(usual=5e-2, lowest=2e-3, highest=2e-1),
    parameters=_parameters,
    described=_described,
    recorded=lambda settings, targets: f"IA3 on {targets}",
    support=Support(bits={4: WIDENED, 8: WIDENED}, stored=WIDENED),
    tags=("ia3",),
)
