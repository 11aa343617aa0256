"""What several trainers have alike, since transformers and PEFT are below them: values as the recipe has them."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import product
from typing import Any

from tuitune.recipe.importing.outcomes import (
    Outcome,
    Rules,
    Single,
    Table,
    carried,
    changed,
    claimed,
    fixed,
    is_off,
    is_whole,
    lost,
    missing,
    own,
    to,
)
from tuitune.recipe.values import shown

ONE_DEVICE = "tuitune trains on one device. N devices took N times the rows a step: multiply training.accumulation by N"
NOT_REPORTED = "tuitune records its runs itself and sends nothing to a service"
NOT_UPLOADED = "tuitune uploads nothing; the result stays in the run's directory"
ADAM = "tuitune leaves the optimizer's own betas, epsilon and further arguments"
KERNELS = "tuitune picks its kernels itself"
CACHED = "tuitune caches tokenized rows by their content"
OUT = "a run has a directory of its own; `tuitune show RUN` names it"
RESUMED = "a recipe describes a new run; `tuitune resume RUN` resumes one"

_ADAMW_8 = "tuitune's AdamW with 8-bit states is bitsandbytes'"
_NEAREST_ADAMW = "tuitune does not have this optimizer; AdamW is the nearest, and may want another learning rate"

_ONE_RATE = "tuitune has one learning rate for all of an adapter yet"
rate_ratio = claimed(_ONE_RATE, "loraplus_lr_ratio")

_BETA = "this objective has no β in tuitune"
PREFERENCE: Rules = {
    **dict.fromkeys(("rl_beta", "dpo_beta", "pref_beta", "orpo_alpha"), claimed(_BETA, "dpo_beta", "pref_beta")),
    **dict.fromkeys(
        ("rpo_alpha", "pref_ftx", "cpo_alpha"), claimed("tuitune adds no supervised loss", "rpo_alpha", "pref_ftx")
    ),
    "ld_alpha": claimed("tuitune does not weigh lengths", "ld_alpha"),
    "simpo_gamma": claimed("tuitune has no margin of rewards", "simpo_gamma"),
    **dict.fromkeys(
        ("kto_desirable_weight", "kto_chosen_weight"),
        claimed("tuitune weighs good and bad answers alike", "kto_desirable_weight"),
    ),
    **dict.fromkeys(
        ("kto_undesirable_weight", "kto_rejected_weight"),
        claimed("tuitune weighs good and bad answers alike", "kto_undesirable_weight"),
    ),
    "dpo_label_smoothing": fixed("tuitune does not smooth labels", 0),
}
"""What Axolotl and LLaMA-Factory set of preferences, by both their names."""


def preference_defaults(values: Table, sft_weight: float) -> dict[str, Any]:
    """What is theirs (trl's `CPOConfig`, LLaMA-Factory's arguments) where a recipe has what suits the loss: simpo also
    adds this much of the supervised one.
    """
    if values.get("objective.kind") == "simpo":
        return {"objective.beta": 0.1, "objective.gamma": 0.5, "objective.sft_weight": sft_weight}
    return {"objective.beta": 0.1} if values.get("objective.loss") == "sigmoid_norm" else {}


def layers(value: Any, _: Table) -> Outcome:
    """The numbers of the layers that get an adapter: one, or a list of them."""
    if is_off(value):
        return carried("all of them")
    numbers = value if isinstance(value, list) else [value]
    if not all(type(number) is int and number >= 0 for number in numbers):
        return lost(f"{shown(value)}: tuitune takes the numbers of layers, from 0")
    return Outcome("carried", {"adapter.layers": ", ".join(map(str, sorted(set(numbers))))})


def begins(value: Any, table: Table) -> Outcome:
    """How an adapter's matrices begin: as LoRA's paper says, or with something of the base."""
    if value is True:
        return carried("so it is here")
    why = f"{shown(value)}: tuitune begins with LoRA's own weights"
    name = value.partition("_niter_")[0] if isinstance(value, str) else value
    if name == "loftq":
        return loftq(table.get("loftq_config") or {"loftq_bits": 4}, table)
    return lost(why) if name is False else claimed(why, "init_lora_weights")(name, table)


def loftq(value: Any, _: Table) -> Outcome:
    """An adapter that begins with what quantization takes from the base, by its number of bits."""
    if is_off(value):
        return carried("off")
    bits = value.get("loftq_bits", 4) if isinstance(value, dict) else value
    why = f"the base is trained in {shown(bits)} bits, as loaded; there it stays as large and is rounded"
    return changed(why, adapter__init="loftq", quantization__bits=bits)


_ENDS = {"embed_tokens": "embeddings", "wte": "embeddings", "lm_head": "head", "embed_out": "head"}


def modules_to_save(value: Any, _: Table) -> Outcome:
    """What is trained whole beside an adapter: here the ends of the model."""
    if is_off(value):
        return carried("off")
    names = value if isinstance(value, list) else str(value).split(",")
    ends = {_ENDS.get(str(name).strip().rpartition(".")[2]) for name in names}
    if None in ends:
        return lost(f"{shown(value)}: tuitune trains the embeddings and the output head whole, and nothing else")
    return carried(adapter__modules_to_save="both" if len(ends) == 2 else ends.pop())


def _pattern(key: str) -> Single:
    """Another rank or alpha for some of the targets; PEFT takes patterns of whole names too."""

    def rule(value: Any, _: Table) -> Outcome:
        if is_off(value):
            return carried("off")
        pairs = dict(value) if isinstance(value, dict) else {"": value}
        if all(str(name).isidentifier() and is_whole(one) for name, one in pairs.items()):
            return Outcome("carried", {key: pairs})
        return lost(f"{shown(value)}: tuitune takes the names of target modules here")

    return rule


ADAPTER: Rules = {
    "modules_to_save": modules_to_save,
    "target_parameters": missing(
        "tuitune adapts the experts of a mixture by the names of their layers in adapter.targets"
    ),
    "rank_pattern": _pattern("adapter.rank_pattern"),
    "alpha_pattern": _pattern("adapter.alpha_pattern"),
    "trainable_token_indices": missing("tuitune takes tokens by their text; name them in adapter.trainable_tokens"),
}
"""Settings of an adapter by PEFT's names."""


def ends_frozen(layers: str) -> Outcome:
    """These layers are trained, and neither the others nor the ends of the model."""
    why = "the last normalisation is trained too"
    return changed(why, adapter__method="none", adapter__layers=layers, adapter__freeze_embeddings=True)


FROZEN: Rules = dict.fromkeys(
    ("freeze_trainable_layers", "freeze_trainable_modules", "freeze_extra_modules"), own("the method says it")
)
"""What LLaMA-Factory says of the layers that it trains, which the rule of its method reads."""


optimizer: Single = to(
    "training.optimizer",
    same={
        "adamw_bnb_8bit": "adamw_8bit",
        "adamw_bnb": "adamw_8bit",
        "paged_adamw": "paged_adamw_32bit",
        "adamw_hf": "adamw_torch",
        "adamw": "adamw_torch",
    },
    nearest={
        "adamw_torch_8bit": ("adamw_8bit", _ADAMW_8),
        "ao_adamw_8bit": ("adamw_8bit", _ADAMW_8),
        "adamw_torch_4bit": ("adamw_8bit", f"{_ADAMW_8}; 4-bit ones it has not"),
        "ao_adamw_4bit": ("adamw_8bit", f"{_ADAMW_8}; 4-bit ones it has not"),
        "adamw_apex_fused": ("adamw_torch_fused", "the same arithmetic, fused by torch"),
        "adamw_torch_npu_fused": ("adamw_torch_fused", "the same arithmetic, fused by torch"),
    },
    other=("adamw_torch_fused", _NEAREST_ADAMW),
)

_COSINE = "tuitune's cosine falls to 0 in one arc"
schedule: Single = to(
    "training.schedule",
    nearest={
        "cosine_with_restarts": ("cosine", _COSINE),
        "cosine_with_min_lr": ("cosine", _COSINE),
        "cosine_warmup_with_min_lr": ("cosine", _COSINE),
        "one_cycle": ("cosine", _COSINE),
        "rex": ("linear", "tuitune does not have this schedule; linear is the nearest"),
        "warmup_stable_decay": ("constant_with_warmup", "tuitune does not have its decay at the end"),
        "reduce_lr_on_plateau": ("constant_with_warmup", "tuitune does not lower the rate by the held-out loss"),
    },
    other=("cosine", "tuitune does not have this schedule; cosine is usual"),
)

attention: Single = to(
    "model.attention",
    same={"auto": "auto", "sdpa": "sdpa", "eager": "eager", "disabled": "eager"},
    other=("auto", "tuitune picks the fastest exact kernel that the machine has"),
)


def trust(value: Any, _: Table) -> Outcome:
    """Whether code that comes with the model may run: never because a file from elsewhere says so."""
    if not switch(value):
        return carried(model__trust_remote_code=False)
    why = "a model's own code runs only where you say so; if it needs that, read it and set this to true"
    return changed(why, model__trust_remote_code=False)


def number(value: Any) -> float:
    """A number, also written as text; ValueError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a number, found {shown(value)}")
    with suppress(ValueError, OverflowError):
        if math.isfinite(found := float(value)):
            return found
    raise ValueError(f"expected a number, found {shown(value)}")


def switch(value: Any) -> bool:
    """True or false; ValueError where it is neither."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, found {shown(value)}")


def warm_up_steps(value: Any, table: Table) -> Outcome:
    """As transformers takes it: below 1 it is a share of the steps. A number of steps is one only with `max_steps`."""
    steps, most = number(value), table.get("max_steps")
    if steps == 0 and table.get("warmup_ratio"):
        return carried("warmup_ratio says it")
    if steps < 1:
        return carried(training__warmup_ratio=steps)
    if isinstance(most, int) and most > steps:
        return carried(f"{steps:g} of {most} steps", training__warmup_ratio=round(steps / most, 6))
    why = f"{steps:g} steps: 3 % until you set training.warmup_ratio to {steps:g} / the number of steps"
    return changed(why, training__warmup_ratio=0.03)


def warm_up_ratio(value: Any, table: Table) -> Outcome:
    if table.get("warmup_steps") and number(table["warmup_steps"]) > 0:
        return carried("warmup_steps says it")
    return carried(training__warmup_ratio=number(value))


def max_steps(value: Any, _: Table) -> Outcome:
    return carried("by epochs") if number(value) <= 0 else carried(training__max_steps=value)


def cadence(key: str, strategy: str = "") -> Single:
    """Every n steps is the setting `key`, unless the `strategy` says otherwise; a share of all steps cannot be told."""

    def rule(value: Any, table: Table) -> Outcome:
        if table.get(strategy) in ("no", "epoch"):
            return carried(f"{strategy} says it")
        every = number(value)
        if every == 0:
            return carried("off")
        if every.is_integer():
            return Outcome("carried", {key: int(every)})
        why = "a share of the steps; tuitune counts in steps or epochs"
        return Outcome("changed", {key: "epoch"}, why)

    return rule


def cadence_by(key: str) -> Single:
    """transformers' strategies: never, every epoch, or every so many steps, which another key says."""

    def rule(value: Any, _: Table) -> Outcome:
        if value in ("no", False):
            return Outcome("changed", {key: "end"}, "tuitune does it at least once, at the end")
        if value == "epoch":
            return Outcome("carried", {key: "epoch"})
        if value == "steps":
            return carried("steps say how often")
        return Outcome("changed", {key: "epoch"}, "tuitune counts in steps or epochs")

    return rule


def per_epoch(key: str) -> Single:
    """So many times an epoch, of which tuitune has once."""

    def rule(value: Any, _: Table) -> Outcome:
        times = number(value)
        if times == 0:
            return carried("off")
        if times == 1:
            return Outcome("carried", {key: "epoch"})
        why = f"{times:g} times an epoch depends on the rows: once, until you set {key} to a number of steps"
        return Outcome("changed", {key: "epoch"}, why)

    return rule


def held_out(value: Any, _: Table) -> Outcome:
    """A share of the rows, or a number of them."""
    share = number(value)
    if share == 0:
        return carried("no held-out rows", data__eval=None)
    if share >= 1:
        why = f"{share:g} rows: 5 % until you set data.eval to {share:g} / the number of rows"
        return changed(why, data__eval=0.05)
    if share > 0.5:
        return changed("tuitune holds out at most a half", data__eval=0.5)
    return carried(data__eval=share)


def checkpointing(value: Any, _: Table) -> Outcome:
    """Gradient checkpointing, which others offer with activations moved to host memory or disk."""
    if isinstance(value, bool):
        return carried(training__gradient_checkpointing=value)
    why = "tuitune recomputes activations, and moves none to host memory"
    return changed(why, training__gradient_checkpointing=True)


def targets(value: Any, _: Table) -> Outcome:
    """Names of modules, in a list or with commas; all linear layers; or a pattern, which ends in names."""
    if isinstance(value, str) and value.strip().lower() in ("all", "all-linear", "all_linear"):
        return carried(adapter__targets="all-linear")
    if isinstance(value, str) and not set(value) & set("()[]|*+?\\^$"):
        value = [name.strip() for name in value.split(",")]
    if isinstance(value, list):
        if not value or not all(isinstance(name, str) and name for name in value):
            raise ValueError(f"expected names of modules, found {shown(value)}")
        if "all-linear" in value or "all" in value:
            return carried(adapter__targets="all-linear")
        names = list(dict.fromkeys(value))
        if heads := [name for name in names if name.rpartition(".")[2] == "lm_head"]:
            names = [name for name in names if name not in heads]
            why = "tuitune's loss reads the output head directly, so it cannot have an adapter; the others are adapted"
            return changed(why, adapter__targets=names) if names else lost(why)
        return carried(adapter__targets=names)
    if not isinstance(value, str):
        raise ValueError(f"expected names of modules, found {shown(value)}")
    if names := names_in(value):
        why = (
            "a pattern; tuitune takes names, and adapts the layers of these names wherever the language model has them"
        )
        return changed(why, adapter__targets=names)
    return changed("a pattern of which no names can be read; every linear layer instead", adapter__targets="all-linear")


def names_in(pattern: str) -> list[str]:
    """The names of modules that a regular expression ends in, with their alternatives written out; none where it ends
    in anything else.
    """
    names: list[str] = []
    for choice in _split(_bare(pattern.strip("^$")), "|"):
        tail = _split(_bare(choice).removeprefix(".*"), ".")[-1].removesuffix("$")
        parts = [_split(part[1:-1], "|") if part[:1] == "(" else [part] for part in _pieces(tail)]
        if not all(part.replace("_", "").isalnum() or part == "" for options in parts for part in options):
            return []
        names += ["".join(combined) for combined in product(*parts)]
    return [] if "" in names else list(dict.fromkeys(names))


def _bare(pattern: str) -> str:
    """A pattern without the brackets that hold all of it."""
    whole = pattern.startswith("(") and _pieces(pattern)[0] == pattern
    return pattern[1:-1] if whole else pattern


def _split(pattern: str, separator: str) -> list[str]:
    """The parts between separators that stand in no brackets; a backslash before one belongs to it."""
    parts, depth = [""], 0
    for character in pattern:
        depth += (character in "([") - (character in ")]")
        if character == separator and depth == 0:
            parts[-1] = parts[-1].removesuffix("\\")
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _pieces(pattern: str) -> list[str]:
    """A pattern as what stands in brackets and what stands between."""
    pieces, depth = [""], 0
    for character in pattern:
        if character == "(" and depth == 0 and pieces[-1]:
            pieces.append("")
        depth += (character == "(") - (character == ")")
        pieces[-1] += character
        if character == ")" and depth == 0:
            pieces.append("")
    return pieces if pieces[-1] or len(pieces) == 1 else pieces[:-1]


def template(value: Any, _: Table) -> Outcome:
    """The name of a chat template that another trainer brings along."""
    if is_off(value) or (isinstance(value, str) and value.startswith("tokenizer_default")):
        return carried("the tokenizer's own, as here")
    own = "tuitune uses the tokenizer's own chat template"
    return lost(f"{own}; where {shown(value)} is another, save that as a Jinja file and name it in data.template")
