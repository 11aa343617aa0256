"""Every method is declared once: the recipe takes just those that there are, and each says what it needs to."""

from __future__ import annotations

from pathlib import Path

import pytest

import tuitune
from tuitune.methods import METHODS, RESULTS, Method
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.adapter import AdapterSection


def test_a_method_has_what_it_needs_of_torch_in_a_file_of_its_name() -> None:
    folder = Path(tuitune.__file__).parent / "engine" / "methods"
    assert {file.stem for file in folder.glob("[!_]*.py")} == {*METHODS, "adapted", "layers", "beside", "eva", "loftq"}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_names_settings_that_a_recipe_has(method: Method) -> None:
    assert method.settings <= set(AdapterSection.model_fields) - {"method"}
    assert method.result in RESULTS and method.rates.lowest < method.rates.usual <= method.rates.highest
    recipe = Recipe.model_validate({"adapter": {"method": method.name}})
    assert recipe.method is method and recipe.method.described(recipe.adapter, "all-linear", 16).startswith(method.name)
