"""Every method is declared once: the recipe takes just those that there are, and each says what it needs to."""

from __future__ import annotations

from typing import get_args

import pytest

from tuitune.methods import METHODS, RESULTS, Method
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.adapter import AdapterSection


def test_a_recipe_takes_just_the_methods_that_there_are() -> None:
    assert set(get_args(AdapterSection.model_fields["method"].annotation)) == set(METHODS)
    assert {name: method.name for name, method in METHODS.items()} == {name: name for name in METHODS}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_names_settings_that_a_recipe_has(method: Method) -> None:
    assert method.settings <= set(AdapterSection.model_fields) - {"method"}
    assert method.result in RESULTS and method.rates.lowest < method.rates.usual <= method.rates.highest
    recipe = Recipe.model_validate({"adapter": {"method": method.name}})
    assert recipe.method is method and recipe.method.described(recipe.adapter, "all-linear", 16).startswith(method.name)
