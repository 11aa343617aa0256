"""The settings that a task over data goes by: what would change its outcome, and nothing else."""

from __future__ import annotations

import pytest

from tuitune.planning.data_plan import settings_of
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe


@pytest.mark.parametrize(
    ("change", "cleans_anew", "tokenizes_anew"),
    [
        ("data.limit=5", True, True),
        ("cleaning.shortest=5", True, True),
        ("run.seed=7", True, True),
        ("data.template=other.jinja", False, True),
        ("data.packing=false", False, True),
        ("model.id=./another", False, True),
        ("model.trust_remote_code=true", False, True),
        ("model.dtype=float32", False, False),
        ("training.learning_rate=1e-3", False, False),
        ("run.name=other", False, False),
    ],
)
def test_a_task_is_begun_anew_for_what_changes_its_outcome(
    change: str, cleans_anew: bool, tokenizes_anew: bool
) -> None:
    before, after = Recipe(), apply(Recipe(), [change])
    assert (settings_of("clean", before) != settings_of("clean", after)) == cleans_anew
    assert (settings_of("tokens", before) != settings_of("tokens", after)) == tokenizes_anew


@pytest.mark.parametrize("kind", ["clean", "tokens"])
def test_its_process_reads_them_as_a_recipe(kind: str) -> None:
    asked = apply(Recipe(), ["data.limit=5", "data.eval=", 'data.mix={"general.jsonl" = 0.25}', "model.id=./another"])
    assert settings_of(kind, Recipe.model_validate(settings_of(kind, asked))) == settings_of(kind, asked)
