"""LoRA (arXiv 2106.09685): small matrices beside the frozen layers of the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tuitune.methods.descriptor import Method, Rates, Result, Settings
from tuitune.units import counted

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

ADAPTER = Result("adapter", "adapter_config.json", "peft", ("peft",))

SUBTRACTED = frozenset({"pissa", "olora"})
"""Ways to begin with a part of the base's weights, which is subtracted from what the layers give."""

CORRECTING = frozenset({"loftq"})
"""Ways to begin with what quantization took from the base, so that the model starts off nearer to the base as it was.
"""

PLAIN = frozenset({"default", "gaussian"})
"""Ways to begin that any weights can have, the experts of a mixture too."""


def _parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """As PEFT counts: rank × (inputs + outputs) a layer, with DoRA a magnitude an output, and unfrozen bias terms; and
    what is trained beside the adapter.
    """
    if not facts.linears:
        return None
    ranks = [(one, settings.rank_pattern.get(one.name, settings.rank)) for one in (*adapted, *experts)]
    trained = sum(rank * (one.inputs + one.outputs) * one.count for one, rank in ranks)
    if settings.dora:
        trained += sum(one.outputs * one.count for one in adapted)
    biased = {"none": (), "lora_only": adapted, "all": facts.linears}[settings.bias]
    beside = len(settings.trainable_tokens) + (facts.vocab or 0) * whole(
        settings.modules_to_save, tied=facts.one_matrix
    )
    return trained + sum(one.outputs * one.count for one in biased if one.bias) + beside * (facts.hidden or 0)


def whole(modules: str, *, tied: bool) -> int:
    """How many matrices of the vocabulary are trained whole where those `modules` are."""
    return {"none": 0, "embeddings": 1, "head": 1, "both": 1 if tied else 2}[modules]


def placed(settings: Settings, targets: str) -> str:
    """The targets as shown, with the layers of the model that they are in, where those are not all."""
    return f"{targets} of {which(settings.layers)}" if settings.layers else targets


def which(layers: str) -> str:
    """Layers as a sentence has them: `layers 0-3`, `the last 8 layers`."""
    return f"the {layers} layers" if layers.startswith("last") else f"layers {layers}"


def _starts(settings: Settings) -> str:
    return "its matrices hold what quantization took from the base" if settings.init in CORRECTING else ""


def _described(settings: Settings, targets: str, bits: int) -> str:
    base = "" if bits == 16 else f", base in {bits} bits"
    return f"lora r {settings.rank} α {settings.alpha} on {placed(settings, targets)}{base}"


def _recorded(settings: Settings, targets: str) -> str:
    ways = {"rsLoRA": settings.rslora, "DoRA": settings.dora, f"LoRA+ × {settings.lora_plus:g}": settings.lora_plus > 1}
    ways[f"begun by {settings.init}"] = settings.init != "default"
    ends = "embeddings and head" if settings.modules_to_save == "both" else settings.modules_to_save
    ways[f"{ends} trained whole"] = settings.modules_to_save != "none"
    ways[f"the embeddings of {counted(len(settings.trainable_tokens), 'token')}"] = bool(settings.trainable_tokens)
    more = "".join(f", {way}" for way, chosen in ways.items() if chosen)
    rank, alpha = _of(settings.rank, settings.rank_pattern), _of(settings.alpha, settings.alpha_pattern)
    return f"rank {rank}, alpha {alpha}, dropout {settings.dropout:g}, on {placed(settings, targets)}{more}"


def _of(usual: int, pattern: Mapping[str, int]) -> str:
    """`16`, `16 (q_proj 8)`."""
    return f"{usual} ({', '.join(f'{name} {value}' for name, value in pattern.items())})" if pattern else str(usual)


LORA = Method(
    name="lora",
    title="LoRA",
    does="trains small matrices added to the frozen model",
    made="A LoRA adapter for",
    settings=frozenset(
        {
            "rank", "alpha", "dropout", "targets", "layers", "bias", "rslora", "dora", "lora_plus", "init",
            "rank_pattern", "alpha_pattern", "modules_to_save", "trainable_tokens",
        }
    ),
    trains_base=False,
    result=ADAPTER,
    rates=Rates(usual=2e-4, lowest=2e-5, highest=2e-3),
    small_rates=Rates(usual=2e-4, lowest=2e-5, highest=2e-2),
    parameters=_parameters,
    described=_described,
    recorded=_recorded,
    rank=lambda settings: settings.rank,
    experts=True,
    starts=_starts,
    tags=("lora",),
)  # fmt: skip
