"""How many parameters a recipe trains, exactly as PEFT counts them."""

from __future__ import annotations

from tuitune.hardware.model_facts import Linear, ModelFacts
from tuitune.planning.targets import EXPERT_PARAMETERS, expert_names, expert_problems, resolve_targets
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe


def trainable_parameters(recipe: Recipe, facts: ModelFacts) -> int | None:
    """Trainable parameters, as the method counts them; None where the model's layout is not known.

    Raises TuituneError where a target is not in the model.
    """
    adapted, experts = adapted_layers(recipe, facts), adapted_experts(recipe, facts)
    return recipe.method.parameters(recipe.adapter, facts, adapted, experts)


def adapted_layers(recipe: Recipe, facts: ModelFacts) -> tuple[Linear, ...]:
    """The layers that get an adapter, if the method has any. Raises as above."""
    names = set(target_names(recipe, facts))
    return tuple(linear for linear in facts.linears if linear.name in names)


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
