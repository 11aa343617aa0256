"""AdaLoRA (arXiv 2303.10512): a LoRA whose ranks go where they matter most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.methods.descriptor import WIDENED, Method, Rates, Settings, Support
from tuitune.methods.lora import ADAPTER, placed

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """As PEFT counts before anything is cut: for each rank of a layer inputs + outputs, and a singular value."""
    if not facts.linears:
        return None
    return sum(settings.initial_rank * (one.inputs + one.outputs + 1) * one.count for one in adapted)


def _described(settings: Settings, targets: str, bits: int) -> str:
    base = "" if bits == 16 else f", base in {bits} bits"
    ranks = f"r {settings.initial_rank} → {settings.target_rank} α {settings.alpha}"
    return f"adalora {ranks} on {placed(settings, targets)}{base}"


def _recorded(settings: Settings, targets: str) -> str:
    ranks = f"AdaLoRA, rank {settings.initial_rank} cut to {settings.target_rank} on average"
    return f"{ranks}, alpha {settings.alpha}, dropout {settings.dropout:g}, on {placed(settings, targets)}"


ADALORA = Method(
    name="adalora",
    title="AdaLoRA",
    does="trains small matrices added to the frozen model, and cuts their ranks where they matter least",
    made="An AdaLoRA adapter for",
    settings=frozenset(
        {
            "alpha", "dropout", "targets", "layers", "initial_rank", "target_rank", "cut_from", "cut_until",
            "cut_every", "importance_smoothing", "uncertainty_smoothing", "orthogonality",
        }
    ),
    trains_base=False,
    result=ADAPTER,
    rates=Rates(usual=1e-3, lowest=3e-4, highest=5e-3),
    small_rates=Rates(usual=5e-3, lowest=1e-3, highest=1e-1),
    parameters=_parameters,
    described=_described,
    recorded=_recorded,
    rank=lambda settings: settings.initial_rank,
    scheduled="the cuts of ranks",
    support=Support(bits={8: WIDENED}),
    tags=("adalora",),
)  # fmt: skip
