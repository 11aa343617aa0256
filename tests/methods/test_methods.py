"""Every method is declared once: the recipe takes just those that there are, and each says what it needs to."""

from __future__ import annotations

from pathlib import Path

import pytest

import tuitune
from tuitune.methods import FIRST_CLASS, METHODS, RESULTS, TUNERS, Method
from tuitune.methods.options import Option, wrong
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.adapter import AdapterSection
from tuitune.recipe.settings import without_effect


def test_what_a_method_does_stands_for_itself() -> None:
    assert not [one.name for one in METHODS.values() if " such " in f" {one.does} "]


def test_a_method_has_what_it_needs_of_torch_in_a_file_of_its_name() -> None:
    folder = Path(tuitune.__file__).parent / "engine" / "methods"
    families = {**dict.fromkeys(("prompt", "ptuning", "prefix"), "prompts"), **dict.fromkeys(TUNERS, "tuner")}
    wanted = {families.get(name, name) for name in METHODS}
    assert {file.stem for file in folder.glob("[!_]*.py")} == {*wanted, "adapted", "layers", "beside", "eva", "loftq"}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_names_settings_that_a_recipe_has(method: Method) -> None:
    assert method.settings <= set(AdapterSection.model_fields) - {"method"}
    assert method.result in RESULTS
    assert (method.rates is None) == method.is_tuner
    assert method.rates is None or method.rates.lowest < method.rates.usual <= method.rates.highest
    recipe = Recipe.model_validate({"adapter": {"method": method.name}})
    assert recipe.method is method and recipe.method.described(recipe.adapter, "all-linear", 16).startswith(method.name)


def test_the_reader_of_a_setting_is_named_shorter_than_by_all_that_there_are() -> None:
    recipe = Recipe.model_validate({"adapter": {"method": "prompt"}})
    said = without_effect(recipe)["adapter.layers"]
    assert "lora" in said and "vera" not in said and "PEFT" in said


def test_options_are_checked_by_name_and_kind() -> None:
    known = [
        Option("r", "integer", 8, ""),
        Option("scaling", "number", 1.0, ""),
        Option("init_weights", "choice", True, "", choices=(True, "bat")),
        Option("coft", "switch", False, ""),
        Option("token_indices", "list", [], ""),
    ]
    assert wrong(known, {"r": 4, "scaling": 2, "init_weights": "bat", "coft": True, "token_indices": [1]}) == []
    for name, value in {"r": 4.5, "scaling": True, "init_weights": "cat", "coft": 1, "token_indices": 3}.items():
        [said] = wrong(known, {name: value})
        assert said.startswith(f"{name}: expected ")
    [said] = wrong(known, {"scalings": 1})
    assert "scaling?" in said


def test_first_class_methods_and_tuners_are_all_that_there_is() -> None:
    assert {*FIRST_CLASS, *TUNERS} == set(METHODS) and not FIRST_CLASS.keys() & TUNERS.keys()
