"""No adapter: every weight of the model is trained."""

from __future__ import annotations

from collections.abc import Sequence

from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.methods.descriptor import Method, Rates, Result, Settings

MODEL = Result("model", "config.json", "transformers")


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    return facts.parameters


def _described(settings: Settings, targets: str, bits: int) -> str:
    return "none: full fine-tuning"


def _recorded(settings: Settings, targets: str) -> str:
    return ""


NONE = Method(
    name="none",
    title="full fine-tuning",
    does="trains every weight of the model",
    made="A fine-tuned copy of",
    settings=frozenset(),
    trains_base=True,
    result=MODEL,
    rates=Rates(usual=1e-5, lowest=0, highest=1e-4),
    small_rates=Rates(usual=5e-4, lowest=0, highest=5e-3),
    too_high="is too high when every weight is trained: the model forgets what it knows",
    parameters=_parameters,
    described=_described,
    recorded=_recorded,
)
