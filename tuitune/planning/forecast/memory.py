"""How much memory a recipe will take: a first figure, from the model's config and the recipe alone, in microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tuitune.hardware.gpus import Gpu
from tuitune.hardware.host import host
from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.hardware.occupancy import training_gpu
from tuitune.planning.forecast.activations import TrainingStep, Widths, at_embeddings, peak, reached, widths
from tuitune.planning.forecast.formats import Device, Formats, formats
from tuitune.planning.targets import adapted_experts, adapted_layers, in_model_names, numbered, trainable_parameters
from tuitune.recipe.schema import Recipe
from tuitune.units import bytes_text

TIGHT = 0.92
"""Share of the free memory above which a run that fits is called tight: forecast and allocator are not exact."""

CONTEXT: dict[Device, int] = {"cuda": 1_400_000_000, "cpu": 740_000_000}
"""What a process takes before the model: CUDA context, kernels and allocator slack (the constant of Unsloth Studio);
on a CPU the libraries and their working space (runs of the bundled model peaked 710 to 760 MB above the other parts).
"""

_NOT_COVERED = "not covered: fragmentation, and answers sampled during training (their key-value cache)"


@dataclass(frozen=True)
class Forecast:
    """Bytes by part; `total` is their sum, the peak of a step. `assumptions` say what it rests on and leaves out."""

    parts: dict[str, int]
    total: int
    assumptions: tuple[str, ...]
    device: Device
    modern: bool = True
    """Whether it is for a GPU with bfloat16 and flash attention."""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "modern"}

    def assuming(self, text: str) -> Forecast:
        """This forecast with one more assumption."""
        return replace(self, assumptions=(text, *self.assumptions))


@dataclass(frozen=True)
class Fit:
    """Whether a forecast fits the `free` bytes of `gpu` or, where that is None, of the machine's own memory.

    `share` is what it takes of them: above 1 it does not fit, with a GPU or without.
    """

    state: Literal["fits", "tight", "too big", "no gpu"]
    message: str
    free: int
    share: float
    gpu: Gpu | None


def forecast(
    recipe: Recipe,
    facts: ModelFacts,
    *,
    device: Device = "cuda",
    modern: bool = True,
    numbers: Formats | None = None,
) -> Forecast | None:
    """The memory that training takes at its peak, or None where the model's config does not tell enough, and for the
    tuners of PEFT that are known by their options alone.

    `modern`: the GPU is of Ampere or later, with bfloat16 and flash attention. `numbers` are the number formats, by
    default those that the recipe means on `device`. Raises TuituneError where a target is not in the model.
    """
    facts = facts.scoring if recipe.optimises.scores else facts
    wide = widths(facts)
    if wide is None or facts.parameters is None or recipe.method.is_tuner:
        return None
    numbers = numbers or formats(recipe, device, modern=modern)
    step = _step(recipe, facts, wide, device, numbers)
    if step.padded or (device == "cuda" and not (modern and numbers.compute == 2)):
        step = replace(step, repeated=True)
    trained = _trained(recipe, facts, step)
    weight = numbers.weights if step.trained else numbers.adapter
    # The experts of a frozen mixture stay as loaded, whatever the bits.
    experts = numbers.weights * facts.experts.weights if facts.experts and not step.trained else 0
    activations, head = peak(facts, wide, step, on_gpu=device == "cuda")
    last = at_embeddings(wide, step, tied=facts.one_matrix)
    gradients, copies = trained * weight, _copies(facts, wide, numbers, step)
    # Gradients are kept from batch to batch while accumulating, else made as activations and copies are freed.
    accumulates = recipe.training.accumulation > 1
    if last + (0 if accumulates else gradients) > activations + head + copies:
        activations, head, copies = last, 0, 0
    elif not accumulates:
        gradients = 0
    parts = {
        "weights": _weights(recipe, facts, numbers) + copies - experts,
        **({"experts": experts} if experts else {}),
        **({"reference": numbers.weights * facts.parameters} if step.trained and recipe.compares else {}),
        "adapter": 0 if step.trained else (trained + _subtracted(recipe, step)) * weight,
        "gradients": gradients,
        "optimizer": _optimizer(recipe, facts, step, trained, weight),
        "activations": activations,
        "loss head": head,
        **(
            {"generation": max(0, _cache(recipe, wide, numbers) - activations - head)}
            if recipe.optimises.generates
            else {}
        ),
        "context": CONTEXT[device],
    }
    return Forecast(parts, sum(parts.values()), _assumptions(recipe, facts, step), device, modern)


def fits(forecast: Forecast, gpus: Sequence[Gpu], wanted: str = "auto") -> Fit:
    """Hold a forecast against the GPU that would train it, where hardware.gpu is `wanted`, or the machine's memory."""
    chosen = training_gpu(gpus, wanted)
    gpu = chosen if chosen is not None and chosen.memory_free is not None else None
    free = host().memory_available if gpu is None else gpu.memory_free or 0
    share = forecast.total / free if free else float("inf")
    needed, room = bytes_text(forecast.total), bytes_text(free)
    if gpu is None:
        verdict = "fits in" if share <= 1 else "does not fit in"
        opening = "free GPU memory unknown" if chosen else "no GPU"
        return Fit("no gpu", f"{opening}: {needed} {verdict} the {room} free on this machine", free, share, None)
    return Fit(fit_state(share), f"{needed} of {room} free on GPU {gpu.index}", free, share, gpu)


def fit_state(share: float) -> Literal["fits", "tight", "too big"]:
    """What to say of a run that takes this `share` of the free memory of a GPU."""
    return "too big" if share > 1 else "tight" if share > TIGHT else "fits"


def _step(recipe: Recipe, facts: ModelFacts, wide: Widths, device: Device, numbers: Formats) -> TrainingStep:
    adapter, training = recipe.adapter, recipe.training
    trained, row = recipe.method.trains_base, recipe.longest + recipe.leading
    dropout = adapter.dropout > 0 and recipe.method.uses("dropout")
    eager = recipe.model.attention == "eager" or (facts.softcap and not recipe.flattens)
    ends = _ends(recipe)
    last, share = _reach(recipe, facts, wide)
    return TrainingStep(
        tokens=training.batch_size * row * recipe.optimises.sequences,
        row=row,
        adapted=adapted_layers(recipe, facts) if facts.linears else _usual_layers(wide) * recipe.method.uses("targets"),
        formats=numbers,
        trained=trained,
        checkpointing=recipe.recomputes,
        mask=(1 if device == "cuda" else 4) * dropout,
        eager=eager,
        softcap=facts.softcap and not eager,
        padded=not recipe.flattens,
        scores=recipe.optimises.scores,
        bits=recipe.quantization.bits,
        dora=adapter.dora and recipe.method.uses("dora"),
        rank=recipe.method.rank(adapter),
        ranks=in_model_names(recipe, facts).rank_pattern if recipe.method.uses("rank_pattern") else {},
        share=share,
        reached=None if ends - {"head"} else last,
        head="head" in ends,
        embeddings="embeddings" in ends,
        tokens_merged="tokens" in ends,
        experts=tuple(dict.fromkeys(adapted_experts(recipe, facts))),
    )


def _ends(recipe: Recipe) -> set[str]:
    """What of the model's ends is trained: "embeddings", "head", "tokens"."""
    adapter, method = recipe.adapter, recipe.method
    if method.trains_base:
        return set() if adapter.freeze_embeddings else {"embeddings", "head"}
    modules = adapter.modules_to_save if method.uses("modules_to_save") else "none"
    tokens = {"tokens"} if method.uses("trainable_tokens") and adapter.trainable_tokens else set()
    return tokens | {"none": set(), "both": {"embeddings", "head"}}.get(modules, {modules})


def _reach(recipe: Recipe, facts: ModelFacts, wide: Widths) -> tuple[int, float]:
    """How many of the last layers gradients reach where the embeddings are frozen, and which share of them is trained
    or adapted.
    """
    chosen = numbered(recipe, facts.layers)
    if chosen is None:
        return wide.layers, 1.0
    last = wide.layers - chosen[0]
    return last, len(chosen) / (last if recipe.adapter.freeze_embeddings else wide.layers)


def _subtracted(recipe: Recipe, step: TrainingStep) -> int:
    """Numbers of the matrices that an adapter began with, where they are kept."""
    sizes = (step.rank_of(one) * (one.inputs + one.outputs) * one.count for one in step.adapted)
    return sum(sizes) if recipe.subtracts else 0


def _cache(recipe: Recipe, wide: Widths, numbers: Formats) -> int:
    """Keys and values of all answers of a step, which are written at once, before anything is kept for gradients."""
    answers = recipe.training.batch_size * recipe.training.accumulation
    return 2 * wide.keys * wide.layers * answers * recipe.longest * numbers.compute


def _usual_layers(wide: Widths) -> tuple[Linear, ...]:
    """The layers of a model whose layout is not known, as Llama would have them: an estimate on the large side."""
    hidden, queries, keys, inner, count = wide.hidden, wide.queries, wide.keys, wide.inner, wide.layers
    inwards = {"q_proj": queries, "k_proj": keys, "v_proj": keys, "gate_proj": inner, "up_proj": inner}
    outwards = {"o_proj": queries, "down_proj": inner}
    read = [Linear(name, hidden, outputs, count) for name, outputs in inwards.items()]
    return (*read, *(Linear(name, inputs, hidden, count) for name, inputs in outwards.items()))


def _trained(recipe: Recipe, facts: ModelFacts, step: TrainingStep) -> int:
    if (known := trainable_parameters(recipe, facts)) is not None:
        return known
    if step.trained:
        return facts.parameters or 0
    return sum((step.rank * (one.inputs + one.outputs) or one.outputs) * one.count for one in step.adapted)


def _weights(recipe: Recipe, facts: ModelFacts, numbers: Formats) -> int:
    """The base's weights. bitsandbytes quantizes the linear layers of the blocks; embeddings, head and norms stay as
    loaded.

    8 bits: a byte a weight and a float32 scale a row. 4 bits: half a byte, and for every 64 weights a scale: float32,
    or with double quantization one byte and for every 256 of those a float32 (QLoRA, arXiv 2305.14314, section 3; the
    block sizes are the defaults of `bitsandbytes.functional.quantize_4bit`).
    """
    total = facts.parameters or 0
    bits = recipe.quantization.bits
    packed = _packed(facts)
    if bits == 16:
        return numbers.weights * total
    rows = sum(linear.outputs * linear.count for linear in facts.trunk)
    scale = (1 + 4 / 256) / 64 if recipe.quantization.double else 4 / 64
    quantized = packed + 4 * rows if bits == 8 else packed * (0.5 + scale)
    return round(quantized + numbers.weights * (total - packed))


def _copies(facts: ModelFacts, wide: Widths, numbers: Formats, step: TrainingStep) -> int:
    """What autocast makes of the weights of the layers that gradients reach, until these have passed."""
    cast = step.bits == 16 and numbers.weights != numbers.compute and (step.trained or not step.checkpointing)
    return numbers.compute * _packed(facts) * reached(wide, step) // wide.layers if cast else 0


def _packed(facts: ModelFacts) -> int:
    """Weights of the blocks' linear layers; of an unknown layout, all but the vocabulary's matrices and experts."""
    if facts.linears:
        return sum(linear.weights for linear in facts.trunk)
    experts = facts.experts.weights if facts.experts else 0
    return max(0, (facts.parameters or 0) - 2 * (facts.vocab or 0) * (facts.hidden or 0) - experts)


def _optimizer(recipe: Recipe, facts: ModelFacts, step: TrainingStep, trained: int, weight: int) -> int:
    """States of the optimizer: two a parameter for AdamW, in its format, in float32 or in 8 bits with a scale for every
    256.

    adamw_torch also makes a copy of the parameters while it steps; Adafactor keeps a row and a column for each matrix.
    """
    name = recipe.training.optimizer
    if name == "adafactor":
        matrices = facts.linears if step.trained else step.adapted
        sizes = (one.inputs + one.outputs + 2 * step.rank_of(one) * (not step.trained) for one in matrices)
        return 4 * sum(size * one.count for size, one in zip(sizes, matrices, strict=True))
    bytes_each = {
        "adamw_torch_fused": 2.0 * weight,
        "adamw_torch": 3.0 * weight,
        "adamw_8bit": 2 * (1 + 4 / 256),
        "paged_adamw_8bit": 2 * (1 + 4 / 256),
        "paged_adamw_32bit": 8.0,
        "sgd": 0.0,
    }[name]
    return round(trained * bytes_each)


def _assumptions(recipe: Recipe, facts: ModelFacts, step: TrainingStep) -> tuple[str, ...]:
    answers = f" × {recipe.optimises.sequences} answers" if recipe.optimises.sequences > 1 else ""
    length = "(max length + answer length)" if recipe.optimises.generates else "max length"
    if recipe.leading:
        length = f"({recipe.longest:,} + {recipe.leading} virtual)"
    found = [f"{step.tokens:,} tokens in a batch: batch size × {length}{answers}, all rows full"]
    if recipe.optimises.generates:
        found.append("the answers of a step are written at once, all of full length; not yet measured on a GPU")
    if not facts.linears:
        found.append("the layout of this model is unknown; its layers are assumed to be like Llama's")
    if step.trained and trainable_parameters(recipe, facts) is None:
        found.append("how large single layers of this model are is not known; every weight is counted as trained")
    if facts.experts and recipe.quantization.bits < 16:
        found.append("the experts stay in 16 bits: bitsandbytes quantizes only linear layers")
    if recipe.training.optimizer.startswith("paged"):
        found.append("paged optimizer states are counted, though they can move to host memory")
    return (*found, _NOT_COVERED)
