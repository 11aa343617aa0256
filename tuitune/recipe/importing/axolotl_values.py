"""Values of Axolotl's keys as the recipe has them, where a key alone does not say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.common import switch
from tuitune.recipe.importing.outcomes import (
    Outcome,
    Single,
    Table,
    carried,
    changed,
    claimed,
    is_off,
    lost,
    method,
    objective,
    refused,
)
from tuitune.recipe.values import shown

_MOST_LAYERS, _PARTS = 100, ("input_layernorm", "self_attn.q_proj", "mlp.down_proj")
"""How many layers a model may have, and weights by which a whole one is told."""


def adapter(value: Any, _: Table) -> Outcome:
    if value == "qlora":
        return method("lora", quantization__bits=4)
    return method(value) if isinstance(value, str) else refused(f"expected lora or qlora, found {shown(value)}")


def bits_if(bits: int) -> Single:
    return lambda value, _: carried(quantization__bits=bits) if switch(value) else carried("off")


def bf16(value: Any, table: Table) -> Outcome:
    if value in ("auto", "true", "full", True):
        return carried(training__precision="auto" if value == "auto" else "bf16")
    if not is_off(value):
        raise ValueError(f"expected true, false, auto or full, found {shown(value)}")
    others = any(not is_off(table.get(name)) for name in ("fp16", "bfloat16", "float16"))
    return carried("off") if others else carried("no 16 bits at all", training__precision="fp32")


def weights(precision: str) -> Single:
    """Axolotl's training without mixed precision, in the format of the weights."""

    def rule(value: Any, _: Table) -> Outcome:
        if not switch(value):
            return carried("off")
        why = "tuitune keeps what it trains in float32 and computes in this format"
        return changed(why, training__precision=precision)

    return rule


def target_linear(value: Any, _: Table) -> Outcome:
    return carried(adapter__targets="all-linear") if switch(value) else carried("off")


def target_modules(value: Any, table: Table) -> Outcome:
    if table.get("lora_target_linear") is True:
        return carried("among all linear layers, which lora_target_linear asks for")
    return carried("empty") if is_off(value) else common.targets(value, table)


def batch(value: Any, table: Table) -> Outcome:
    """Axolotl's rows of a whole step, from which it works out the accumulation where that is not said."""
    micro = table.get("micro_batch_size") or 1
    if table.get("gradient_accumulation_steps") is not None:
        return carried("micro_batch_size × gradient_accumulation_steps says it")
    steps = max(1, int(common.number(value) // common.number(micro)))
    return carried(f"{value} rows a step, {micro} at once", training__accumulation=steps)


def objective_of(value: Any, _: Table) -> Outcome:
    return objective("dpo", objective__loss="ipo") if value == "ipo" else objective(str(value))


def losses(value: Any, table: Table) -> Outcome:
    names = [value] if isinstance(value, str) else value
    rule = claimed("tuitune trains with one loss of pairs, and not with this", "dpo_loss_type")
    return rule(names[0] if isinstance(names, list) and len(names) == 1 else names, table)


def reward(value: Any, _: Table) -> Outcome:
    return objective("reward") if switch(value) else carried("off")


def held_out(value: Any, table: Table) -> Outcome:
    return carried("test_datasets says it") if table.get("test_datasets") else common.held_out(value, table)


def patience(value: Any, table: Table) -> Outcome:
    if is_off(table.get("val_set_size")) or table.get("val_set_size") == 0:
        return lost("no rows are held out, so there is nothing to stop by")
    return carried(evaluation__patience=value)


def unfrozen(value: Any, table: Table) -> Outcome:
    """Weights that are trained, by patterns of how their names begin: here whole layers, with both ends or neither."""
    if is_off(value):
        return carried("off")
    if not is_off(table.get("adapter")):
        return carried("the base is frozen beside an adapter")
    try:
        named = _Named(value if isinstance(value, list) else [value])
    except re.error as error:
        raise ValueError(f"expected patterns of names, found {shown(value)}: {error}") from error
    layers = [number for number in range(_MOST_LAYERS) if all(named.parts(number))]
    ends = {named.inside("embed_tokens.weight"), named.whole("lm_head.weight")}
    other = any(any(named.parts(number)) for number in range(_MOST_LAYERS) if number not in layers)
    if other or not layers or len(ends) > 1 or "[:" in str(value):
        return refused("it trains single weights of layers, and tuitune whole layers, with both ends or neither")
    numbers = "" if len(layers) == _MOST_LAYERS else ", ".join(map(str, layers))
    why = "the last normalisation is trained too"
    return changed(why, adapter__method="none", adapter__layers=numbers, adapter__freeze_embeddings=not ends.pop())


class _Named:
    """Patterns of the names of weights, as Axolotl reads them: a point is a point."""

    def __init__(self, patterns: Sequence[Any]) -> None:
        self._patterns = [re.compile(re.sub(r"\.(?!\+)", r"\\.", str(one))) for one in patterns]

    def whole(self, name: str) -> bool:
        return any(one.match(name) for one in self._patterns)

    def inside(self, name: str) -> bool:
        """Whether they name a weight of the language model, which may be a part of a larger one."""
        return any(self.whole(before + name) for before in ("model.", "model.language_model."))

    def parts(self, number: int) -> list[bool]:
        """Whether they name each of some weights of a layer."""
        return [self.inside(f"layers.{number}.{part}.weight") for part in _PARTS]


def template_text(value: Any, _: Table) -> Outcome:
    if isinstance(value, str) and ("{{" in value or "{%" in value or "\n" in value):
        return lost("save it as a file and name it in data.template")
    return carried(data__template=value)


def learn_all(value: Any, _: Table) -> Outcome:
    return carried(data__loss_on="all") if switch(value) else carried("the answers alone are learned")


def plugins(value: Any, _: Table) -> dict[str, Outcome]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError(f"expected names of plugins, found {shown(value)}")
    return {f"[{place}]" if isinstance(value, list) else "": _plugin(str(name)) for place, name in enumerate(names)}


def _plugin(name: str) -> Outcome:
    last = name.rpartition(".")[2]
    if any(word in last for word in ("CutCrossEntropy", "Liger", "Kernels")):
        return changed("tuitune's own loss head keeps no logits of all tokens; it picks its kernels itself")
    if any(word in last for word in ("SwanLab", "Wandb", "OTel")):
        return lost(common.NOT_REPORTED)
    if any(word in last for word in ("Diffusion", "KD", "DenseMixer")):
        return refused("this plugin trains another objective")
    return lost("tuitune has no plugins")


def own_base(value: Any, table: Table) -> Outcome:
    return (
        carried("the base model") if value == table.get("base_model") else lost("tuitune takes it from the base model")
    )
