"""What a training step keeps in memory between forward and backward, counted tensor by tensor.

The count is that of autograd's saved tensors in the stock transformers and PEFT classes, and of what is there beside
them at the two moments that can be the peak: while the output head works, and while one layer does. It is held against
dry runs of the real step on fake tensors (`tests/planning/forecast/test_dry_run.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuitune.hardware.model_facts import Experts, Linear, ModelFacts
from tuitune.methods.ia3 import FEED_FORWARD
from tuitune.planning.forecast.formats import Formats

_FLOAT32 = 4
_TILE_ROWS, _TILE_COLUMNS = 4096, 32_768
"""Tokens and vocabulary of the piece of logits that TRL's fused head holds (`trl.kernels.chunked_logprob`)."""

_LOGIT_COPIES = 3
"""float32 numbers for each logit on a CPU, where those of all learned tokens stand at once: their softmax, and two
gradients (`SftTrainer.summed_loss`)."""

_TILE_COPIES = 8
"""The same of each logit of a tile, where trl's fused head works on a CPU: in torch, operation by operation."""

_SHARED_INPUTS = {
    "q_proj": "attention",
    "k_proj": "attention",
    "v_proj": "attention",
    "gate_proj": "feed-forward",
    "up_proj": "feed-forward",
}
"""Layers that read the same tensor."""


@dataclass(frozen=True)
class TrainingStep:
    """What decides the memory of one forward and backward pass.

    `mask` is the bytes that dropout keeps for each number (1 on a GPU, 4 on a CPU, 0 without dropout); `row` the
    longest document in tokens, which counts where scores are written out: by the eager attention, or (`softcap`) by
    ours, document by document. `repeated`: keys and values are repeated for all heads, where no kernel groups them.
    `padded`: batches are rectangles, with a mask over them; `scores`: the model has a head of one score. `bits` of the
    frozen weights; `rank` of the adapter's matrices, 0 for vectors that scale, with those of some layers by name in
    `ranks`. `trained`: the model's own weights are, in a `share` of the layers that gradients reach: the last `reached`
    ones, all where that is None. `head` and `embeddings`: these are trained. `tokens_merged`: trained rows of the
    embeddings are written into a copy of them, which the head takes too where it is the same matrix.
    """

    tokens: int
    row: int
    adapted: tuple[Linear, ...]
    formats: Formats
    trained: bool = False
    checkpointing: bool = False
    mask: int = 0
    eager: bool = False
    softcap: bool = False
    repeated: bool = False
    padded: bool = False
    bits: int = 16
    dora: bool = False
    scores: bool = False
    rank: int = 16
    ranks: Mapping[str, int] = field(default_factory=dict)
    share: float = 1.0
    reached: int | None = None
    head: bool = False
    embeddings: bool = False
    tokens_merged: bool = False
    experts: tuple[Linear, ...] = ()
    """The parameters of experts that have an adapter, as the layers that they are for each."""

    def rank_of(self, linear: Linear) -> int:
        """The rank of the adapter of a layer."""
        return self.ranks.get(linear.name, self.rank)

    @property
    def results(self) -> int:
        """Bytes a number that an adapted layer returns: DoRA on a quantized layer under autocast returns float32."""
        return _FLOAT32 if self.dora and self.bits < 16 and self.formats.autocast else self.formats.compute

    @property
    def stream(self) -> int:
        """Bytes a number of the hidden states between the layers."""
        return max(self.results, self.formats.weights) if self.dora else self.formats.weights


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


def peak(facts: ModelFacts, wide: Widths, step: TrainingStep, *, on_gpu: bool) -> tuple[int, int]:
    """Bytes at the fullest moment of a step: kept by the layers, and by the output head where that is at work then.

    The largest of three moments: the head, with all that the layers keep and both ends of the model; one layer's
    feed-forward at work; one layer's attention, when what the feed-forward kept is gone.

    With gradient checkpointing layers keep their inputs, and one its insides while it is at work.
    """
    layers = _layers(facts, wide, step)
    kept, inside = sum(one.count * one.kept for one in layers), 0.0
    if step.checkpointing:
        kept, inside = step.tokens * wide.hidden * step.stream * reached(wide, step), max(one.kept for one in layers)
    head = loss_head(wide, step, on_gpu=on_gpu, tied=facts.one_matrix)
    at_head = kept + ends_bytes(wide, step)
    feed_forward = kept + inside + _feed_forward_at_work(facts, wide, step)
    attention = kept + inside - layers[0].feed_forward + _attention_at_work(facts, step)
    at_work = max(feed_forward, attention)
    return (round(at_head), round(head)) if at_head + head > at_work else (round(at_work), 0)


def reached(wide: Widths, step: TrainingStep) -> int:
    """How many layers gradients reach: those before them keep nothing."""
    return wide.layers if step.reached is None else step.reached


def at_embeddings(wide: Widths, step: TrainingStep, *, tied: bool) -> int:
    """Bytes at the end of the backward pass, besides the gradients that stay: that of all embeddings where only some of
    their rows are trained; and where the head is the same matrix, its gradient and the sum of both.
    """
    matrix = wide.vocab * wide.hidden
    weights = step.formats.weights if step.trained else step.formats.adapter
    both = 2 * weights * (tied and step.head and step.embeddings)
    return matrix * (both + step.formats.weights * step.tokens_merged)


def ends_bytes(wide: Widths, step: TrainingStep) -> int:
    """The embeddings, the last normalisation and its result."""
    return step.tokens * wide.hidden * (step.stream + step.formats.compute + _FLOAT32)


def saved(facts: ModelFacts, wide: Widths, step: TrainingStep) -> int:
    """Bytes that the blocks keep for the backward pass without checkpointing, the ends of the model included."""
    return round(sum(one.count * one.kept for one in _layers(facts, wide, step)) + ends_bytes(wide, step))


@dataclass(frozen=True)
class _Layers:
    """Layers that are alike: how many gradients reach, the bytes that each keeps, in its feed-forward and besides."""

    count: float
    besides: float
    feed_forward: float

    @property
    def kept(self) -> float:
        return self.besides + self.feed_forward


def _layers(facts: ModelFacts, wide: Widths, step: TrainingStep) -> list[_Layers]:
    """The layers of each kind that there is; those with experts first."""
    experts = facts.experts
    sparse = min(experts.layers, wide.layers) if experts else 0
    common = step.tokens * (_norms(facts, wide, step) + _attention(facts, wide, step)) + _dora(wide, step)
    common += step.tokens * (_base_inputs(wide, step) + _adapter_inputs(wide, step))
    part = reached(wide, step) / wide.layers
    dense = _Layers((wide.layers - sparse) * part, common, step.tokens * step.results * 3.0 * wide.inner)
    routed = [_Layers(sparse * part, common, _experts(experts, step))] if experts else []
    return [one for one in (*routed, dense) if one.count]


def _norms(facts: ModelFacts, wide: Widths, step: TrainingStep) -> float:
    width = facts.norms * wide.hidden + facts.head_norms * (wide.queries + wide.keys)
    return width * (_FLOAT32 + step.formats.weights * step.trained * step.share)


def _attention(facts: ModelFacts, wide: Widths, step: TrainingStep) -> int:
    """Queries, keys, values and the result; where scores are written out, they and their softmax, head by head."""
    compute, heads = step.formats.compute, facts.heads or 0
    written = step.eager or step.softcap
    keys = wide.queries if step.repeated or written else wide.keys
    kept = compute * 2 * (wide.queries + keys) + _FLOAT32 * heads
    if any(one.name == "qkv_proj" for one in facts.trunk):  # the values are a part of that layer's result
        kept += compute * (wide.queries + wide.keys)
    if written:
        kept += heads * step.row * (_FLOAT32 + compute * (2 if step.softcap else 1))
    return kept


def _experts(experts: Experts, step: TrainingStep) -> float:
    """A token is copied to each of its experts; an adapter on those makes a copy of all their weights in every layer
    (`peft.tuners.lora.layer.ParamWrapper`), and keeps the copied tokens.
    """
    compute = step.formats.compute
    copied = 3 * experts.inner + experts.hidden
    if step.experts or step.trained:
        copied += experts.inner + experts.hidden
    routing = _FLOAT32 * experts.count + experts.chosen * 4 * 8
    weights = compute * sum(one.weights for one in step.experts) // experts.layers
    return step.tokens * (experts.chosen * compute * copied + routing) + weights


def _base_inputs(wide: Widths, step: TrainingStep) -> float:
    """What the base's own layers read: one tensor before attention, one before the feed-forward, one inside it.

    Under autocast each of the five layers that read the hidden state casts a copy of its own.
    """
    if not (step.trained or step.bits == 8):
        return 0
    readers = 2 if step.formats.weights == step.formats.compute else 5
    return step.formats.compute * (readers * wide.hidden + wide.inner) * (step.share if step.trained else 1)


def _adapter_inputs(wide: Widths, step: TrainingStep) -> float:
    """What adapters read and what their first matrix makes of it: layers share a tensor, or cast or drop out copies."""
    formats = step.formats
    if not step.rank:
        return _scaled(wide, step)
    number = formats.compute if formats.autocast else formats.adapter
    layers = reached(wide, step)
    between = number * sum(step.rank_of(linear) * linear.count for linear in step.adapted) / layers
    if _casts(step) or step.mask:
        inputs = sum((number + step.mask) * linear.inputs * linear.count / layers for linear in step.adapted)
        return inputs + between
    tensors = {_SHARED_INPUTS.get(linear.name, linear.name): linear.inputs for linear in step.adapted}
    return number * sum(tensors.values()) + between


def _scaled(wide: Widths, step: TrainingStep) -> float:
    """What IA3's vectors scale: the results of layers, and a copy in their format of what the feed-forward's reads."""
    read = sum(one.inputs * one.count for one in step.adapted if one.name == FEED_FORWARD)
    written = sum(one.outputs * one.count for one in step.adapted if one.name != FEED_FORWARD)
    return (step.formats.adapter * read + step.formats.compute * written) / wide.layers


def _casts(step: TrainingStep) -> bool:
    """Whether each adapter casts what it reads to its format: as PEFT does, but for quantized layers under autocast."""
    if step.formats.autocast and step.bits < 16:
        return step.results != step.formats.compute
    return step.formats.adapter != step.formats.compute


def _dora(wide: Widths, step: TrainingStep) -> float:
    """The results of base and adapter and, behind dropout, a copy of the base's weights (`peft.tuners.lora.dora`)."""
    if not step.dora:
        return 0.0
    formats = step.formats
    number = formats.compute if formats.autocast else formats.adapter
    layers = reached(wide, step)
    outputs = sum(linear.outputs * linear.count for linear in step.adapted) / layers
    copied = step.mask and (step.bits < 16 or formats.weights != formats.adapter)
    weights = sum(linear.weights for linear in step.adapted) / layers if copied else 0.0
    return step.tokens * outputs * (number + (number if step.mask else step.results)) + number * weights


def _feed_forward_at_work(facts: ModelFacts, wide: Widths, step: TrainingStep) -> float:
    """Bytes that come and go there, at their most: gradients, in the arithmetic's format and (where the adapter casts)
    in its own; a quantized layer unpacked; what DoRA multiplies; the gradient of experts with their adapters.
    """
    formats, experts = step.formats, facts.experts
    inner = experts.chosen * max(experts.inner, experts.hidden) if experts else wide.inner
    numbers = 2 * step.results + (formats.adapter if _casts(step) else formats.compute) * bool(step.adapted)
    numbers += formats.adapter * bool(step.mask)
    unpacked = max((one.inputs * one.outputs for one in facts.trunk), default=0) * formats.compute * (step.bits < 16)
    unpacked += step.tokens * inner * formats.compute
    folded = max((one.weights for one in step.experts), default=0) // (experts.layers if experts else 1)
    return max(step.tokens * inner * numbers, unpacked, _dora_at_work(step), folded * formats.compute)


def _attention_at_work(facts: ModelFacts, step: TrainingStep) -> int:
    """Gradients of scores that are written out, and of their softmax in float32, a document at a time where we do."""
    if not (step.eager or step.softcap):
        return 0
    documents = step.tokens // step.row if step.eager else 1
    return documents * (facts.heads or 0) * step.row**2 * (_FLOAT32 + step.formats.compute)


def _dora_at_work(step: TrainingStep) -> int:
    """The adapter's product for a layer, made by way of a unit matrix, then the norm of its sum with the weights."""
    if not step.dora:
        return 0
    formats = step.formats
    number = formats.compute if formats.autocast else formats.adapter

    def one(layer: Linear) -> int:
        unit = layer.inputs**2 * (_FLOAT32 + number * formats.autocast)
        product = unit + layer.inputs * layer.outputs * number
        norm = layer.inputs**2 * number + 4 * layer.inputs * layer.outputs * formats.adapter
        return max(product, norm) + step.tokens * layer.inputs * (formats.adapter + formats.compute)

    return max(map(one, step.adapted), default=0)


def loss_head(wide: Widths, step: TrainingStep, *, on_gpu: bool, tied: bool = False) -> int:
    """On a GPU, TRL's fused head: a tile of logits, and the hidden states' gradient twice. On a CPU, all logits; of
    padded batches a tile of them too. The gradient of a head that is trained is in float32; that of one whose rows were
    written into a copy is cast to the copy's format. Of a head of one score, what it reads in float32, and the gradient
    of that.
    """
    if step.scores:
        return 2 * step.tokens * wide.hidden * _FLOAT32
    merged = step.tokens_merged and tied
    each = _FLOAT32 * (step.head or merged) + 2 * step.formats.weights * merged
    weights = each * wide.vocab * wide.hidden
    tile = min(step.tokens, _TILE_ROWS) * min(wide.vocab, _TILE_COLUMNS)
    if not on_gpu and step.padded:
        return tile * _TILE_COPIES * _FLOAT32 + weights
    if not on_gpu:
        logits = step.tokens * wide.vocab * _FLOAT32
        return max(_LOGIT_COPIES * logits, 2 * logits + weights)
    tile *= step.formats.compute
    return tile + step.tokens * wide.hidden * (_FLOAT32 + step.formats.compute) + weights
