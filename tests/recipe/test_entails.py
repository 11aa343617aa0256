"""What settings entail: said of each, of settings that exist, and in the words of the form."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tuitune.recipe.declaration import Affects, Change
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, setting, settings, without_effect


@pytest.mark.parametrize("one", settings(), ids=lambda one: one.key)
def test_every_setting_says_what_it_entails(one: Setting) -> None:
    entails = one.entails
    assert entails.affects and set(entails.affects) <= {*get_args(Affects)}
    assert len(entails.affects) == 1 or not one.affects("nothing")
    assert entails.change in get_args(Change)
    assert all(setting(need.key) for need in entails.needs)
    assert not entails.names or one.kind in ("text", "shares")


def test_what_trains_otherwise_is_not_changed_in_passing() -> None:
    live = {one.key for one in settings() if one.is_tunable}
    assert {key for key in live if not setting(key).affects("nothing")} == {"training.learning_rate"}


@pytest.mark.parametrize(
    ("key", "idle", "effective"),
    [
        ("quantization.kind", [], ["quantization.bits=4"]),
        ("adapter.rank", ["adapter.method=none"], []),
        ("data.packing", ["adapter.method=prompt"], ["adapter.method=ia3"]),
        ("data.packing", ["objective.kind=dpo"], []),
        ("training.gradient_checkpointing", ["adapter.method=prefix"], ["adapter.method=ptuning"]),
        ("training.epochs", ["training.max_steps=10"], []),
        ("evaluation.answers", ["data.eval="], []),
        ("samples.every", [], ['samples.prompts=["Hello?"]']),
        ("samples.max_new_tokens", [], ["evaluation.answers=10"]),
        ("limits.price_per_hour", ["limits.price_per_hour=2"], ["limits.price_per_hour=2", "limits.cost=10"]),
    ],
)
def test_values_without_effect(key: str, idle: list[str], effective: list[str]) -> None:
    assert without_effect(apply(Recipe(), idle))[key]
    assert key not in without_effect(apply(Recipe(), effective))


def test_a_value_of_a_recipe_is_read_by_its_setting() -> None:
    recipe: Any = Recipe.model_validate({"adapter": {"rank": 4}})
    assert (setting("adapter.rank").of(recipe), setting("adapter.alpha").of(recipe)) == (4, 32)
