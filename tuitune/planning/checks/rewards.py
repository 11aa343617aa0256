"""Whether the rewards of a recipe can be given: files are there, packages installed, foreign code is approved."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tuitune.paths import expanded
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.rewards import REWARDS
from tuitune.rewards.descriptor import Reward
from tuitune.rewards.python_file import approved_source


def check_rewards(recipe: Recipe, base: Path) -> list[Problem]:
    """What keeps the rewards of a recipe from being given, at the setting to change; relative paths start at `base`.

    Nothing of a Python file is run.
    """
    if not recipe.optimises.generates:
        return []
    return [
        problem for name in recipe.rewards.weights if name in REWARDS for problem in _of(REWARDS[name], recipe, base)
    ]


def _of(reward: Reward, recipe: Recipe, base: Path) -> Iterator[Problem]:
    settings = recipe.rewards
    if reward.package and find_spec(reward.package) is None:
        message = (
            f"the reward {reward.name} needs the package {reward.package}, which is not installed here: "
            f"`pip install {reward.package}`, or take it out"
        )
        yield Problem("rewards.weights", message)
        return
    if any(not getattr(settings, name) for name in reward.filled):
        return  # which the recipe's own rules say
    paths = {name: str(base / expanded(getattr(settings, name))) for name in ("file", "schema_file")}
    placed = settings.model_copy(update=paths)
    try:
        if reward.foreign:
            approved_source(placed)
        else:
            reward.prepare(placed)
    except ValueError as error:
        key, _, message = str(error).partition(" ")
        yield Problem(key, message)
