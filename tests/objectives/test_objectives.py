"""What each objective learns from, and what is said of data for it."""

from __future__ import annotations

import pytest

from tuitune.data.scan.advice import UNREADABLE
from tuitune.data.shapes import SHAPES, WRITABLE
from tuitune.objectives import OBJECTIVES, Objective, objective_of
from tuitune.objectives.fit import advice_for
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting

EACH = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=lambda objective: objective.name)
FOUND = {"id": "rows", "level": "info", "message": "few"}


def test_a_recipe_takes_just_the_objectives_that_are_trained() -> None:
    assert setting("objective.kind").choices == tuple(one.name for one in OBJECTIVES.values() if one.trained)
    assert objective_of(Recipe()).name == setting("objective.kind").default


@EACH
def test_an_objective_takes_what_it_is_written_in(objective: Objective) -> None:
    assert objective.rows_in in WRITABLE and objective.rows_in in objective.shapes


@EACH
@pytest.mark.parametrize("shape", [*SHAPES, "unknown"])
def test_data_that_is_not_taken_is_warned_of_first(objective: Objective, shape: str) -> None:
    first, *rest = advice_for(objective, shape, [FOUND])
    if shape not in objective.shapes:
        assert (first["id"], first["level"], rest) == ("shape", "warning", [FOUND])
    elif objective.trained:
        assert (first, rest) == (FOUND, [])
    else:
        assert (first["id"], first["level"], rest) == ("objective", "info", [FOUND])
        assert f"--to {objective.rows_in}" in first["message"]


@pytest.mark.parametrize("shape", OBJECTIVES["sft"].shapes)
def test_answers_alone_are_sent_to_an_objective_that_is_trained(shape: str) -> None:
    for name in ("dpo", "kto"):
        message = advice_for(OBJECTIVES[name], shape, [])[0]["message"]
        assert message.endswith("train on it with sft")


def test_nobody_is_sent_to_an_objective_that_is_not_trained() -> None:
    said = [
        advice_for(one, shape, [])[0]["message"]
        for one in OBJECTIVES.values()
        for shape in SHAPES
        if shape not in one.shapes
    ]
    assert said and not any("with dpo" in one or "with kto" in one for one in said)


def test_of_data_that_cannot_be_read_nothing_else_is_said() -> None:
    unreadable = {"id": UNREADABLE, "level": "warning", "message": "no row can be read"}
    assert advice_for(OBJECTIVES["dpo"], "unknown", [unreadable]) == [unreadable]
