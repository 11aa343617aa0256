"""Which layers get an adapter, the recipe's names translated to the model's, and how many parameters that trains."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.methods import METHODS
from tuitune.methods.lora import CORRECTING, PLAIN, SUBTRACTED
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
    if problem := ends_apart(recipe, tied=facts.one_matrix):
        raise TuituneError(problem)
    count = recipe.method.parameters(in_model_names(recipe, facts), facts, adapted, experts)
    head = (facts.hidden or 0) if recipe.optimises.scores and not recipe.method.trains_base else 0
    return None if count is None else count + head


def in_model_names(recipe: Recipe, facts: ModelFacts) -> AdapterSection:
    """The settings of the adapter, with the model's own names in their patterns. Raises as above."""
    targets, linears = target_names(recipe, facts), [linear.name for linear in facts.linears]
    if not recipe.method.uses("rank_pattern") or not linears:
        return recipe.adapter
    return with_patterns(recipe.adapter, targets, linears, facts.model_type)


def with_patterns(
    adapter: AdapterSection, targets: Sequence[str], linear_names: Iterable[str], model_type: str | None
) -> AdapterSection:
    """The same adapter, with the names in its patterns as the model has them.

    Raises TuituneError where one is none of the resolved `targets`, or names experts, which all have one rank.
    """
    names, experts = list(linear_names), expert_names(targets, model_type)
    patterns = {name: getattr(adapter, name) for name in ("rank_pattern", "alpha_pattern")}
    problems, found = [], {}
    for setting, pattern in patterns.items():
        own = {name: find(name, names) or name for name in pattern}
        there = [target for target in targets if target not in experts]
        problems += [_no_target(setting, name, there) for name, one in own.items() if one not in there]
        if len(set(own.values())) < len(own):
            message = f"{' and '.join(own)} are one layer in this model; name it once"
            problems.append(Problem(f"adapter.{setting}", message))
        found[setting] = {own[name]: value for name, value in pattern.items()}
    if problems:
        raise TuituneError(problems)
    return adapter.model_copy(update=found)


def _no_target(setting: str, name: str, targets: Sequence[str]) -> Problem:
    message = f"{name!r} is none of the target modules that have a rank of their own; those are {', '.join(targets)}"
    return Problem(f"adapter.{setting}", message)


def ends_apart(recipe: Recipe, *, tied: bool) -> Problem | None:
    """Where an end of the model is to be trained that it does not have by itself: the objective has put another head in
    its place, or both ends are one matrix; None where that is not so.
    """
    chosen = recipe.adapter.modules_to_save if recipe.method.uses("modules_to_save") else "none"
    if recipe.optimises.scores and chosen in ("head", "both"):
        message = 'a head that gives scores takes the place of the output head, and is trained; set it to "embeddings"'
        return Problem("adapter.modules_to_save", message)
    if not tied or chosen in ("none", "both"):
        return None
    message = 'the embeddings and the head of this model are one matrix; set it to "both"'
    return Problem("adapter.modules_to_save", message)


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
    if recipe.method.uses("init") and (problem := too_narrow(in_model_names(recipe, facts), sizes)):
        raise TuituneError(problem)
    return adapted


def numbered(recipe: Recipe, layers: int | None) -> list[int] | None:
    """The layers that the recipe names, None for all. TuituneError where the model, which has so many, lacks one."""
    adapter = recipe.adapter
    if not recipe.method.uses("layers") or not adapter.layers:
        return None
    if layers is None and adapter.last_layers:
        message = "how many layers the model has is not known; write their numbers, such as 24-31"
        raise TuituneError(Problem("adapter.layers", message))
    chosen = adapter.chosen_layers(layers or 0)
    if layers and (chosen[-1] >= layers or chosen[0] < 0):
        there = f"the model has {counted(layers, 'layer')}, numbered from 0"
        lacking = f"there is no layer {chosen[-1]:,}" if chosen[-1] >= layers else f"there are no {adapter.layers}"
        raise TuituneError(Problem("adapter.layers", f"{lacking}: {there}"))
    return chosen


def too_narrow(adapter: AdapterSection, sizes: Mapping[str, tuple[int, int]]) -> Problem | None:
    """Where the adapter begins with more of a layer than it has, or than what that reads has; None where it does not.

    `sizes` are the inputs and outputs of each layer, whose names, whole or their ends, are those in its patterns.
    """
    if adapter.init in PLAIN or adapter.init == "orthogonal":
        return None
    for name, (inputs, outputs) in sizes.items():
        named = next((one for one in adapter.rank_pattern if bears(name, one)), None)
        rank = adapter.rank_pattern[named] if named else adapter.rank
        most = min(inputs, outputs) if adapter.init in SUBTRACTED | CORRECTING else inputs
        if rank > most:
            key = "adapter.rank_pattern" if named else "adapter.rank"
            message = f"{name} has a rank of {most:,}, and {adapter.init} begins with {rank:,} of it; set it to {most}"
            return Problem(key, message)
    return None


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


def expert_layers(facts: ModelFacts) -> tuple[Linear, ...]:
    """The layers of the experts by the names that adapt them; none where the model has no experts or no such names."""
    if facts.experts is None:
        return ()
    known = EXPERT_PARAMETERS.get(facts.model_type or "", {})
    parameters = {one.name: one for one in facts.experts.parameters}
    halves = {name: 2 if parameter == "gate_up_proj" else 1 for name, parameter in known.items()}
    return tuple(
        replace(parameters[known[name]], name=name, outputs=parameters[known[name]].outputs // half)
        for name, half in halves.items()
        if known[name] in parameters
    )


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
        ("init", adapter.init not in PLAIN, f'{here}, which have no {adapter.init}; set adapter.init = "default"'),
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
