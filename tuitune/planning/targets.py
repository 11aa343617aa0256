"""Which layers get an adapter, the recipe's names translated to the model's, and how many parameters that trains."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.methods import METHODS
from tuitune.methods.lora import SUBTRACTED
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.adapter import AdapterSection
from tuitune.units import counted

OUTPUT_HEADS = frozenset({"lm_head", "embed_out", "output", "output_layer"})
"""Names of the layer that turns hidden states into words; `all-linear` leaves it alone, as PEFT does."""

_FUSED = ("qkv_proj", "query_key_value", "Wqkv", "c_attn", "qkv", "wqkv", "W_pack", "att_proj", "in_proj")
_BLOCKS = ("attention", "self_attention", "self_attn", "attn")
_UP = ("gate_up_proj", "dense_h_to_4h", "c_fc", "fc1", "fc_in", "w1")
_ATTENTION_OUT = tuple(f"{block}.{name}" for block in _BLOCKS for name in ("dense", "c_proj", "out_proj"))

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "q_proj": ("query", "q_lin", "wq", *_FUSED),
    "k_proj": ("key", "k_lin", "wk", *_FUSED),
    "v_proj": ("value", "v_lin", "wv", *_FUSED),
    "o_proj": (*_ATTENTION_OUT, "out_proj", "dense", "wo", "c_proj"),
    "gate_proj": _UP,
    "up_proj": ("gate_up_proj", "dense_h_to_4h", "c_fc", "fc1", "fc_in", "w3", "w1"),
    "down_proj": ("dense_4h_to_h", "mlp.c_proj", "fc2", "fc_out", "w2", "c_proj"),
}
"""What other architectures call the layers that Llama named, likeliest first."""


_MIXTRAL_LIKE = {"gate": "gate", "w1": "gate_up_proj", "w3": "gate_up_proj", "w2": "down_proj"}
_QWEN_LIKE = {"gate": "gate", "gate_proj": "gate_up_proj", "up_proj": "gate_up_proj", "down_proj": "down_proj"}

EXPERT_PARAMETERS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("mixtral", "minimax", "minimax_m2"), _MIXTRAL_LIKE),
    **dict.fromkeys(
        (
            "Dots3NoteTextModel", "UnlimitedOcrTextModel", "afmoe", "beam", "cohere2_moe", "deepseek_v2", "deepseek_v3",
            "deepseek_v32", "dots1", "ernie4_5_moe", "exaone_moe", "flex_olmo", "glm4_moe", "glm4_moe_lite",
            "glm4v_moe", "glm_moe_dsa", "hunyuan_v1_moe", "longcat_flash", "mellum", "olmoe", "qwen3_moe", "qwen3_next",
            "qwen3_omni_moe", "qwen3_omni_moe_text", "qwen3_omni_moe_thinker", "solar_open",
        ),
        _QWEN_LIKE,
    ),
}  # fmt: skip
"""By model type, the layer names that PEFT takes for the experts' parameters, and what those are called.

transformers keeps all experts of a layer in one parameter of three dimensions, and PEFT translates these names wherever
they are met (`peft.utils.transformers_weight_conversion`), so that shared experts and dense layers of the same names
cannot be adapted by themselves."""


def trainable_parameters(recipe: Recipe, facts: ModelFacts) -> int | None:
    """Trainable parameters, as the method counts them; None where the model's layout is not known.

    Raises TuituneError where a target is not in the model.
    """
    adapted, experts = adapted_layers(recipe, facts), adapted_experts(recipe, facts)
    count = recipe.method.parameters(recipe.adapter, facts, adapted, experts)
    head = (facts.hidden or 0) if recipe.optimises.scores and not recipe.method.trains_base else 0
    return None if count is None else count + head


def adapted_layers(recipe: Recipe, facts: ModelFacts) -> tuple[Linear, ...]:
    """The layers that get an adapter, if the method has any. Raises as above."""
    names = set(target_names(recipe, facts))
    chosen = numbered(recipe, facts.layers)
    adapted = tuple(
        linear if chosen is None else replace(linear, count=len(chosen))
        for linear in facts.linears
        if linear.name in names
    )
    sizes = {linear.name: (linear.inputs, linear.outputs) for linear in adapted}
    if recipe.method.uses("init") and (problem := too_narrow(recipe.adapter, sizes)):
        raise TuituneError(problem)
    return adapted


def numbered(recipe: Recipe, layers: int | None) -> list[int] | None:
    """The layers that the recipe names, None for all. TuituneError where the model, which has so many, lacks one."""
    chosen = recipe.adapter.chosen_layers if recipe.method.uses("layers") else None
    if chosen and layers and chosen[-1] >= layers:
        there = f"the model has {counted(layers, 'layer')}, numbered from 0"
        raise TuituneError(Problem("adapter.layers", f"there is no layer {chosen[-1]:,}: {there}"))
    return chosen


def too_narrow(adapter: AdapterSection, sizes: Mapping[str, tuple[int, int]]) -> Problem | None:
    """Where the adapter begins with more of a layer than it has, by the inputs and outputs of each; None where not."""
    name, most = min(((name, min(size)) for name, size in sizes.items()), key=lambda one: one[1], default=("", 0))
    if adapter.init not in SUBTRACTED or not sizes or adapter.rank <= most:
        return None
    message = f"{name} has a rank of {most:,}, and {adapter.init} begins with {adapter.rank:,} of it; set it to {most}"
    return Problem("adapter.rank", message)


def adapted_experts(recipe: Recipe, facts: ModelFacts) -> tuple[Linear, ...]:
    """The parameters of experts that get an adapter, as the layers that each expert has there. Raises as above.

    One that two names stand for has the rank of both, so it counts twice.
    """
    if facts.experts is None:
        return ()
    known = EXPERT_PARAMETERS.get(facts.model_type or "", {})
    wanted = [known[name] for name in expert_names(target_names(recipe, facts), facts.model_type)]
    parameters = {one.name: one for one in facts.experts.parameters}
    return tuple(parameters[name] for name in wanted if name in parameters)


def target_names(recipe: Recipe, facts: ModelFacts) -> list[str]:
    """What PEFT will be told to adapt, as far as the layout of the model is known.

    Raises TuituneError where a target is not in the model, or names experts that cannot be adapted as the recipe says.
    """
    adapter = recipe.adapter
    if not recipe.method.uses("targets"):
        return []
    if facts.linears:
        linears = [linear.name for linear in facts.linears]
        targets = resolve_targets(adapter.targets, linears, facts.model_type)
    else:
        targets = [] if isinstance(adapter.targets, str) else adapter.targets
    if problems := expert_problems(adapter, targets, facts.model_type):
        raise TuituneError(problems)
    return targets


def expert_names(targets: Iterable[str], model_type: str | None) -> list[str]:
    """Those names of layers that PEFT takes for experts, where some of `targets` are of them."""
    known, chosen = EXPERT_PARAMETERS.get(model_type or "", {}), list(targets)
    return [name for name in known if any(bears(target, name) for target in chosen)]


def expert_problems(adapter: AdapterSection, targets: Iterable[str], model_type: str | None) -> list[Problem]:
    """What PEFT cannot do where resolved `targets` name the experts of a mixture: its adapter of a parameter has no
    dropout, no magnitudes, and takes what is one parameter as one (`peft.tuners.lora.layer.ParamWrapper`).
    """
    wanted = expert_names(targets, model_type)
    if not wanted:
        return []
    known = EXPERT_PARAMETERS[model_type or ""]
    parts = [name for name in known if known[name] == "gate_up_proj"]
    named = [name for name in parts if name in wanted]
    halves = f"{' and '.join(parts)} are one parameter in the experts of this model"
    here, method = f"{' and '.join(wanted)} are experts here", METHODS[adapter.method]
    if not method.experts:
        remedy = f'remove {" and ".join(wanted)}, or set adapter.method = "lora"'
        return [Problem("adapter.targets", f"{here}, which {method.title} cannot adapt; {remedy}")]
    found = (
        ("targets", "gate" in wanted, "the router of a mixture cannot be adapted; remove gate"),
        ("targets", named and named != parts, f"{halves}; name both, or neither"),
        ("dropout", adapter.dropout, f"{here}, and their adapters have no dropout; set adapter.dropout = 0"),
        ("layers", adapter.layers, f'{here}, which are adapted in all layers; set adapter.layers = ""'),
        ("init", adapter.init in SUBTRACTED, f'{here}, which have no {adapter.init}; set adapter.init = "default"'),
        ("dora", adapter.dora, f"{here}, which DoRA cannot adapt; set adapter.dora = false"),
    )
    return [Problem(f"adapter.{name}", message) for name, wrong, message in found if wrong]


def resolve_targets(
    targets: Sequence[str] | Literal["all-linear"], linear_names: Iterable[str], model_type: str | None = None
) -> list[str]:
    """Names for PEFT's `target_modules`, each of which some linear layer of the model bears (whole, or at its end after
    a dot), or its experts.

    `linear_names` are module names of the language model, whole (`model.layers.0.self_attn.q_proj`) or last parts
    (`q_proj`). A name that the model has is taken as it is; Llama's names also find their counterparts elsewhere
    (`q_proj` → `qkv_proj`, `query_key_value`, …). `all-linear` is every linear layer but the output head, and but those
    whose names PEFT takes for experts. Raises TuituneError naming what the model has.
    """
    names = list(dict.fromkeys(linear_names))
    leaves = [leaf for leaf in dict.fromkeys(name.rpartition(".")[2] for name in names) if leaf not in OUTPUT_HEADS]
    experts = EXPERT_PARAMETERS.get(model_type or "", {})
    if targets == "all-linear":
        if not (plain := [leaf for leaf in leaves if leaf not in experts]):
            raise TuituneError(Problem("adapter.targets", "this model has no linear layers to adapt"))
        return plain
    if not targets:
        raise TuituneError(Problem("adapter.targets", "name at least one layer"))
    found = {target: find(target, [*names, *experts]) for target in targets}
    if missing := [target for target, name in found.items() if name is None]:
        raise TuituneError([_unknown(target, leaves) for target in missing])
    return list(dict.fromkeys(filter(None, found.values())))


def find(target: str, names: list[str]) -> str | None:
    """The target itself where the model has it, else its first counterpart that the model has."""
    likely = (target, *_SYNONYMS.get(target, ()))
    return next((name for name in likely if any(bears(known, name) for known in names)), None)


def bears(module: str, name: str) -> bool:
    """Whether a module is called `name`, whole or at its end after a dot."""
    return bool(name) and (module == name or module.endswith(f".{name}"))


def _unknown(target: str, leaves: list[str]) -> Problem:
    near = difflib.get_close_matches(target, leaves, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    there = ", ".join(leaves) or "no linear layers"
    return Problem("adapter.targets", f"the model has no layer {target!r}{guess}; it has {there}")
