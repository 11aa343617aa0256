"""What a training step keeps in memory between forward and backward, counted tensor by tensor.

The count is that of autograd's saved tensors in the stock transformers and PEFT classes. For Llama-3.1-8B with LoRA on
every linear layer it gives 9.0 MiB a token, as a dry run of the real model on fake tensors does (see
`tests/planning/test_memory.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.planning.formats import Formats

_FLOAT32 = 4
_TILE_ROWS, _TILE_COLUMNS = 4096, 32_768
"""Tokens and vocabulary of the piece of logits that TRL's fused head holds (`trl.kernels.chunked_logprob`)."""

_TILE_COPIES = 6
"""float32 copies of that piece where there is no Triton to fold it in place (the torch path of the same file)."""

_SHARED_INPUTS = {
    "q_proj": "attention",
    "k_proj": "attention",
    "v_proj": "attention",
    "gate_proj": "feed-forward",
    "up_proj": "feed-forward",
}
"""Layers that read the same tensor."""


@dataclass(frozen=True)
class Step:
    """What decides the memory of one forward and backward pass.

    `mask` is the bytes that dropout keeps for each number (1 on a GPU, 4 on a CPU, 0 without dropout); `row` the
    longest row in tokens, which counts where attention is eager; `inputs_kept` whether frozen layers keep their inputs
    too (bitsandbytes' 8-bit).
    """

    tokens: int
    row: int
    adapted: tuple[Linear, ...]
    formats: Formats
    trained: bool = False
    checkpointing: bool = False
    mask: int = 0
    eager: bool = False
    inputs_kept: bool = False


@dataclass(frozen=True)
class Widths:
    """Numbers a token: hidden state, queries, keys (values are as wide), feed-forward."""

    hidden: int
    queries: int
    keys: int
    inner: int
    layers: int
    vocab: int


def widths(facts: ModelFacts) -> Widths | None:
    """The widths of a model; None where its config does not tell hidden size, layers or vocabulary."""
    if not (facts.hidden and facts.layers and facts.vocab):
        return None
    head_dim, heads = facts.head_dim or facts.hidden, facts.heads or 1
    inner = facts.intermediate or 4 * facts.hidden
    return Widths(
        facts.hidden, heads * head_dim, (facts.kv_heads or heads) * head_dim, inner, facts.layers, facts.vocab
    )


def saved(facts: ModelFacts, wide: Widths, step: Step) -> int:
    """Bytes kept for the backward pass; with gradient checkpointing the inputs of all layers and the insides of one."""
    ends = wide.hidden * (step.formats.weights + step.formats.compute + _FLOAT32)
    layer = layer_bytes(facts, wide, step)
    inside = layer + wide.layers * wide.hidden * step.formats.weights if step.checkpointing else layer * wide.layers
    return round(step.tokens * (inside + ends))


def layer_bytes(facts: ModelFacts, wide: Widths, step: Step) -> float:
    """Bytes a token that one layer keeps: normalisations, attention, feed-forward, inputs for weight gradients."""
    compute = step.formats.compute
    norm_width = facts.norms * wide.hidden + facts.head_norms * (wide.queries + wide.keys)
    norms = norm_width * (_FLOAT32 + step.formats.weights * step.trained)
    attention = compute * 2 * (wide.queries + wide.keys) + _FLOAT32 * (facts.heads or 0)
    if step.eager:
        attention += (facts.heads or 0) * step.row * (_FLOAT32 + compute)
    return norms + attention + compute * 3 * wide.inner + _base_inputs(wide, step) + _adapter_inputs(wide, step)


def _base_inputs(wide: Widths, step: Step) -> int:
    """What the base's own layers read: one tensor before attention, one before the feed-forward, one inside it.

    Under autocast each of the five layers that read the hidden state casts a copy of its own.
    """
    if not (step.trained or step.inputs_kept):
        return 0
    readers = 2 if step.formats.weights == step.formats.compute else 5
    return step.formats.compute * (readers * wide.hidden + wide.inner)


def _adapter_inputs(wide: Widths, step: Step) -> float:
    """What the adapters read: layers share a tensor, unless each casts or drops out a copy of its own."""
    formats = step.formats
    number = formats.compute if formats.autocast else formats.adapter
    if formats.adapter != formats.compute or step.mask:
        return sum((number + step.mask) * linear.inputs * linear.count / wide.layers for linear in step.adapted)
    tensors = {_SHARED_INPUTS.get(linear.name, linear.name): linear.inputs for linear in step.adapted}
    return number * sum(tensors.values())


def working(wide: Widths, step: Step) -> int:
    """Bytes of gradients on their way through the feed-forward, in the adapter's and in the arithmetic's format."""
    numbers = step.formats.adapter * bool(step.adapted) * (2 if step.mask else 1) + 2 * step.formats.compute
    return step.tokens * wide.inner * numbers


def loss_head(wide: Widths, step: Step, *, on_gpu: bool) -> int:
    """TRL's fused output head: one tile of logits, and the hidden states' gradient in float32 and as handed on."""
    tile = min(step.tokens, _TILE_ROWS) * min(wide.vocab, _TILE_COLUMNS)
    number = step.formats.compute if on_gpu else step.formats.compute + _TILE_COPIES * _FLOAT32
    head = _FLOAT32 * wide.vocab * wide.hidden if step.trained else 0
    return tile * number + step.tokens * wide.hidden * (_FLOAT32 + step.formats.compute) + head
