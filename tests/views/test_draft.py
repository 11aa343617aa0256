"""The draft: history, refused text, resets, problems. No screen is involved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.recipe.presets import PRESETS
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.views.draft import Draft, value_of


def test_a_value_is_taken_and_taken_back():
    draft = Draft()
    assert draft.set_text("adapter.rank", "64") is None
    assert draft.recipe.adapter.rank == 64
    assert draft.changed() == ["adapter.rank"]
    assert draft.undo() == ["adapter.rank"]
    assert draft.recipe == Recipe()
    assert draft.undo() is None
    assert draft.redo() == ["adapter.rank"]
    assert draft.recipe.adapter.rank == 64
    assert draft.redo() is None


def test_what_is_refused_stays_as_typed_and_the_value_stays_valid():
    draft = Draft()
    draft.set_text("adapter.rank", "32")
    message = draft.set_text("adapter.rank", "many")
    assert message and "whole number" in message
    assert draft.text("adapter.rank") == "many"
    assert draft.recipe.adapter.rank == 32
    assert [problem.key for problem in draft.problems()] == ["adapter.rank"]
    draft.set_text("adapter.rank", "8")
    assert draft.problems() == []
    assert draft.text("adapter.rank") == "8"


@pytest.mark.parametrize(
    ("key", "text"), [("adapter.rank", "0"), ("training.learning_rate", "2"), ("run.name", "No Spaces!")]
)
def test_bounds_and_patterns_are_checked_as_typed(key: str, text: str):
    assert Draft().set_text(key, text)


def test_problems_between_fields_carry_their_keys():
    draft = Draft()
    draft.set_values({"adapter.method": "none", "quantization.bits": 4})
    assert any(problem.key == "quantization.bits" for problem in draft.problems())


def test_several_values_are_one_step():
    draft = Draft()
    draft.set_values(PRESETS["high-capacity"].values)
    assert draft.recipe.adapter.targets == "all-linear"
    assert set(draft.undo() or []) == {"adapter.rank", "adapter.alpha", "adapter.targets"}
    assert draft.recipe == Recipe()


def test_a_wrong_value_among_several_changes_nothing():
    draft = Draft()
    with pytest.raises(ValueError, match="expected"):
        draft.set_values({"adapter.rank": 8, "adapter.alpha": "x"})
    assert draft.recipe == Recipe()
    assert not draft.can_undo


def test_a_change_after_undo_drops_what_was_taken_back():
    draft = Draft()
    draft.set_text("adapter.rank", "8")
    draft.undo()
    draft.set_text("adapter.rank", "4")
    assert not draft.can_redo
    assert draft.recipe.adapter.rank == 4


def test_reset_clears_refused_text_too():
    draft = Draft()
    draft.set_text("adapter.rank", "many")
    draft.reset(["adapter.rank"])
    assert draft.text("adapter.rank") == "16"
    assert draft.changed() == []


def test_a_change_that_alters_nothing_is_no_step():
    draft = Draft()
    draft.set_text("adapter.rank", "16")
    assert not draft.can_undo


def test_another_recipe_is_a_step_of_the_same_draft():
    draft = Draft()
    draft.set_text("adapter.rank", "8")
    draft.replace(Recipe())
    assert draft.recipe == Recipe()
    draft.undo()
    assert draft.recipe.adapter.rank == 8


def test_a_trial_records_nothing():
    draft = Draft()
    assert draft.trial("adapter.rank", "64").recipe.adapter.rank == 64
    assert draft.trial("adapter.rank", "x").refused["adapter.rank"].text == "x"
    assert draft.recipe == Recipe()
    assert not draft.can_undo


@given(st.lists(st.tuples(st.sampled_from(settings()), st.text(max_size=12)), max_size=8))
def test_any_typing_keeps_a_valid_recipe_and_can_be_taken_back(typed: list):
    draft = Draft()
    for one, text in typed:
        draft.set_text(one.key, text)
        Recipe.model_validate(draft.recipe.model_dump())
        if one.key in draft.refused:
            assert draft.text(one.key) == text
        else:
            assert draft.trial(one.key, draft.text(one.key)).recipe == draft.recipe
    while draft.can_undo:
        draft.undo()
    assert draft.recipe == Recipe()
    assert not draft.refused
    assert all(value_of(draft.recipe, one.key) == one.default for one in settings())
