"""What a recipe asks of its data."""

from __future__ import annotations

from tuitune.data.preparation.data_spec import Wanted
from tuitune.objectives import SFT
from tuitune.planning.data_plan import wanted
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.cleaning import CleaningSection


def test_the_defaults_of_data_and_recipe_are_one() -> None:
    assert wanted(Recipe()) == Wanted("bundled:triage", eval=0.05, purpose=SFT.purpose)


def test_every_setting_arrives() -> None:
    cleaning = {
        "unusable": "drop",
        "empty": True,
        "whitespace": True,
        "shortest": 50,
        "duplicates": True,
        "near_duplicates": 0.8,
        "too_long": "drop",
        "leakage": "drop",
    }
    data = {
        "train": "a.jsonl",
        "eval": "b.jsonl",
        "mix": {"general.jsonl": 0.15},
        "split": "test",
        "shape": "columns",
        "columns": {"prompt": "q", "completion": "a"},
        "limit": 10,
        "exclude": ["0123456789abcdef"],
    }
    recipe = Recipe.model_validate({"data": data, "cleaning": cleaning, "run": {"seed": 7}})
    expected = {
        **data,
        "exclude": frozenset(data["exclude"]),
        "cleaning": CleaningSection(**cleaning),
        "seed": 7,
        "purpose": SFT.purpose,
    }
    assert wanted(recipe) == Wanted(**expected)
    assert Wanted.from_tables(recipe.model_dump(mode="json"), SFT.purpose) == wanted(recipe)
