"""Virtual tokens before every row, learned while the model stays frozen: as embeddings (prompt tuning, arXiv
2104.08691), through a small network (p-tuning, 2103.10385), or as keys and values of every layer (prefix tuning,
2101.00190).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuitune.methods.descriptor import Method, Rates, Settings, Support
from tuitune.methods.lora import ADAPTER

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

_PACKED = "virtual tokens stand at the start of a row, so only the first text packed into it would have them"
_MERGED = "virtual tokens are input to the model, not part of its weights"
_SCORED = "the score is read at the last token of a row, and virtual tokens shift where that is"
_UNTRIED = "learning from the model's own answers is not tested with virtual tokens yet"


def _prompt_parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """An embedding for each token (`peft.PromptEmbedding`)."""
    return None if facts.hidden is None else settings.virtual_tokens * facts.hidden


def _encoder_parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """Embeddings, and three layers with their biases (`peft.PromptEncoder`)."""
    if (hidden := facts.hidden) is None:
        return None
    inner = settings.encoder_size
    network = hidden * inner + inner + inner * inner + inner + inner * hidden + hidden
    return settings.virtual_tokens * hidden + network


def _prefix_parameters(
    settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
) -> int | None:
    """A key and a value for each token and layer, or embeddings and the network that makes them
    (`peft.PrefixEncoder`).
    """
    if not (facts.layers and facts.kv_heads and facts.head_dim):
        return None
    width = facts.kv_heads * facts.head_dim
    numbers = 2 * facts.layers * width
    if not settings.projected:
        return settings.virtual_tokens * numbers
    inner = settings.encoder_size
    return settings.virtual_tokens * width + width * inner + inner + inner * numbers + numbers


def _method(name: str, title: str, does: str, *extra: str, **more: Any) -> Method:
    def described(settings: Settings, targets: str, bits: int) -> str:
        base = "" if bits == 16 else f", base in {bits} bits"
        return f"{name}, {settings.virtual_tokens} virtual tokens{base}"

    return Method(
        name=name,
        title=title,
        does=does,
        made=f"An adapter ({title}) for",
        settings=frozenset({"virtual_tokens", *extra}),
        trains_base=False,
        result=ADAPTER,
        described=described,
        recorded=lambda settings, targets: f"{title}, {settings.virtual_tokens} virtual tokens",
        tags=(name,),
        starts=lambda settings: "its virtual tokens are there from the start",
        **more,
    )


PROMPT = _method(
    "prompt",
    "Prompt tuning",
    "trains the embeddings of virtual tokens before every row",
    "prompt_text",
    parameters=_prompt_parameters,
    rates=Rates(usual=3e-2, lowest=1e-3, highest=3e-1),
    small_rates=Rates(usual=3e-2, lowest=1e-3, highest=1.0),
    support=Support(packing=_PACKED, merging=_MERGED, scoring=_SCORED, generating=_UNTRIED),
)
PTUNING = _method(
    "ptuning",
    "P-tuning",
    "trains virtual tokens before every row through a small network, which the result does without",
    "encoder_size",
    parameters=_encoder_parameters,
    rates=Rates(usual=1e-3, lowest=1e-4, highest=1e-2),
    small_rates=Rates(usual=1e-3, lowest=1e-4, highest=3e-2),
    support=Support(packing=_PACKED, merging=_MERGED, scoring=_SCORED, generating=_UNTRIED),
)
PREFIX = _method(
    "prefix",
    "Prefix tuning",
    "trains keys and values that every layer's attention finds before every row",
    "projected",
    "encoder_size",
    parameters=_prefix_parameters,
    rates=Rates(usual=1e-2, lowest=1e-4, highest=1e-1),
    small_rates=Rates(usual=1e-2, lowest=1e-4, highest=3e-1),
    support=Support(
        packing=_PACKED,
        checkpointing="its keys and values lie in the cache, and recomputed layers would add them a second time",
        merging=_MERGED,
        generating=_UNTRIED,
    ),
)
