"""What a run takes while it trains: the keys, the values, and the words where it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recipe.strategies import recipes
from tuitune.recipe.check import RecipeError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, settings
from tuitune.recipe.tunable import TUNABLE, tune


def test_what_a_running_run_takes() -> None:
    assert "training.learning_rate" in TUNABLE and "samples.prompts" in TUNABLE
    assert {one.key for one in settings() if one.section == "limits"} <= TUNABLE
    fixed = ("model.id", "data.train", "training.batch_size", "training.epochs", "adapter.rank", "checkpoints.keep")
    assert not TUNABLE & {*fixed}


def test_changes_are_taken_and_nothing_else_moves() -> None:
    recipe = Recipe()
    tuned = tune(recipe, {"training.learning_rate": 1e-5, "evaluation.every": 50, "samples.prompts": ["Hello?"]})
    assert (tuned.training.learning_rate, tuned.evaluation.every, tuned.samples.prompts) == (1e-5, 50, ["Hello?"])
    assert tune(tuned, {"training.learning_rate": 2e-4, "evaluation.every": "epoch", "samples.prompts": []}) == recipe


def test_none_takes_a_limit_out() -> None:
    limited = tune(Recipe(), {"limits.hours": 2})
    assert limited.limits.hours == 2.0 and tune(limited, {"limits.hours": None}) == Recipe()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nothing to change"),
        ({"training.batch_size": 2}, "training.batch_size: cannot be changed while a run trains; tunable are: "),
        ({"training.lr": 1}, "training.lr: unknown key; did you mean 'training.learning_rate'?"),
        ({"training.learning_rate": "fast"}, "training.learning_rate: expected a number above 0"),
        ({"training.learning_rate": 0}, "training.learning_rate: expected"),
        ({"training.learning_rate": None}, "training.learning_rate: expected"),
        ({"evaluation.every": "never"}, "evaluation.every: expected a number of steps"),
        ({"samples.prompts": [" "]}, "samples.prompts: prompt 1 is empty"),
        ({"limits.cost": 5.0}, "limits.cost: the price per hour is missing"),
        ({"limits.until": "tomorrow"}, "limits.until: 'tomorrow' is not a date"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        tune(Recipe(), changes)
    assert words in str(refused.value)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(RecipeError) as refused:
        tune(Recipe(), {"adapter.rank": 4, "training.learning_rate": -1, "nonsense": 1})
    assert [problem.key for problem in refused.value.problems] == [
        "adapter.rank", "nonsense", "training.learning_rate",
    ]  # fmt: skip


def _value(recipe: Recipe, one: Setting) -> Any:
    return getattr(getattr(recipe, one.section), one.name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(recipe=recipes(), changes=st.dictionaries(st.sampled_from(sorted(TUNABLE)) | st.text(max_size=30), json_values))
def test_any_request_is_taken_or_refused(recipe: Recipe, changes: dict[str, Any]) -> None:
    try:
        tuned = tune(recipe, changes)
    except RecipeError as error:
        assert error.problems and all(problem.message for problem in error.problems)
    else:
        kept = [one for one in settings() if one.key not in changes]
        assert all(_value(recipe, one) == _value(tuned, one) for one in kept)
        assert tune(tuned, json.loads(json.dumps(changes))) == tuned
