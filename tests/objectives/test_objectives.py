"""What each objective learns from, and what is said of data for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import tuitune
from tuitune.data.purpose import takes
from tuitune.data.scan.advice import UNREADABLE
from tuitune.data.scan.fit import advice_for
from tuitune.metrics import COMMON
from tuitune.objectives import METRICS, TRAINED
from tuitune.objectives.descriptor import Trained
from tuitune.objectives.sft import SFT
from tuitune.recipe.check import RecipeError, parse
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.shapes import SHAPES, WRITABLE

EACH = pytest.mark.parametrize("objective", TRAINED.values(), ids=lambda objective: objective.name)
FOUND = {"id": "rows", "level": "info", "message": "few"}


def test_a_recipe_takes_just_the_objectives_that_are_trained() -> None:
    assert setting("objective.kind").choices == tuple(TRAINED)
    assert Recipe().optimises is TRAINED[setting("objective.kind").default]
    with pytest.raises(RecipeError, match=r"objective\.kind: expected sft.*, found 'ppo'"):
        parse({"objective": {"kind": "ppo"}})


def test_what_is_trained_names_settings_that_a_recipe_has_and_metrics_of_its_own() -> None:
    own = [metric.key for objective in TRAINED.values() for metric in objective.metrics]
    assert [*METRICS] == [*(metric.key for metric in COMMON), *dict.fromkeys(own)]
    assert all(setting(key) for objective in TRAINED.values() for key in objective.settings)


def test_what_is_trained_has_a_trainer_in_a_file_of_its_name() -> None:
    trainers = Path(tuitune.__file__).parent / "engine" / "objectives"
    shared, of_answers = {"trainer", "reference", "averaged", "generating"}, {"pretrain"}
    assert {file.stem for file in trainers.glob("[!_]*.py")} - shared == set(TRAINED) - of_answers


@EACH
def test_an_objective_takes_what_it_is_written_in(objective: Trained) -> None:
    assert objective.rows_in in WRITABLE and takes(objective, objective.rows_in)


@EACH
@pytest.mark.parametrize("shape", [*SHAPES, "unknown"])
def test_data_that_is_not_taken_is_warned_of_first(objective: Trained, shape: str) -> None:
    first, *rest = advice_for(objective, shape, [FOUND])
    if not takes(objective, shape):
        assert (first["id"], first["level"], rest) == ("shape", "warning", [FOUND])
    else:
        assert (first, rest) == (FOUND, [])


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if takes(SFT, shape)])
def test_answers_alone_are_sent_to_an_objective_that_is_trained(shape: str) -> None:
    for name in ("dpo", "kto", "reward"):
        assert 'objective.kind = "sft"' in advice_for(TRAINED[name], shape, [])[0]["message"]


def test_of_data_that_cannot_be_read_nothing_else_is_said() -> None:
    unreadable = {"id": UNREADABLE, "level": "warning", "message": "no row can be read"}
    assert advice_for(TRAINED["dpo"], "unknown", [unreadable]) == [unreadable]
