"""No adapter: the weights of the model are trained themselves, all of them or those of some layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.methods.descriptor import Method, Rates, Result, Settings, Support
from tuitune.methods.lora import which

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

_FROZEN = "quantized weights cannot be trained themselves"


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """All of them but those of frozen layers, and of the embeddings and the head where these are frozen too."""
    frozen = 0
    if settings.layers:
        if facts.layer_parameters is None or facts.layers is None:
            return None
        frozen += facts.layer_parameters * (facts.layers - len(settings.chosen_layers(facts.layers)))
    if settings.freeze_embeddings:
        if not facts.linears:
            return None
        frozen += facts.end_parameters
    return None if facts.parameters is None else facts.parameters - frozen


def _recorded(settings: Settings, targets: str) -> str:
    """The part of the model that is trained; "" for all of it."""
    layers = which(settings.layers) if settings.layers else "all layers"
    if settings.freeze_embeddings:
        return f"{layers}, embeddings and head frozen"
    return f"{layers}, embeddings and head" if settings.layers else ""


def _described(settings: Settings, targets: str, bits: int) -> str:
    return " of ".join(filter(None, ["none: full fine-tuning", _recorded(settings, targets)]))


NONE = Method(
    name="none",
    title="full fine-tuning",
    does="trains the model itself, every weight or some layers",
    made="A fine-tuned copy of",
    settings=frozenset({"layers", "freeze_embeddings"}),
    trains_base=True,
    result=Result("model", "config.json", "transformers"),
    rates=Rates(usual=1e-5, lowest=0, highest=1e-4),
    small_rates=Rates(usual=5e-4, lowest=0, highest=5e-3),
    too_high="is too high when every weight is trained: the model forgets what it knows",
    parameters=_parameters,
    described=_described,
    recorded=_recorded,
    support=Support(bits={4: _FROZEN, 8: _FROZEN}, stored=_FROZEN, merging="there is no adapter to merge"),
)
