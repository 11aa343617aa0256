"""Advice on γ goes with its fix, and is for those alone that read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hardware.folders import model_folder
from tuitune.planning.checks.situation import Advice
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe


def advice(folder: Path, **values: Any) -> list[Advice]:
    given = {f"objective.{key}": value for key, value in values.items()}
    recipe = with_values(Recipe(), {"model.id": str(model_folder(folder / "tiny")), **given})
    return [one for one in check(recipe, base=folder).advice if one.id == "target-margin"]


@pytest.mark.parametrize(("values", "usual"), [({"gamma": 2.5}, 1.0), ({"gamma": 12, "beta": 10}, 5.0)])
def test_a_margin_beyond_a_nat_a_token_is_much(tmp_path: Path, values: dict[str, Any], usual: float) -> None:
    (note,) = advice(tmp_path, kind="simpo", **values)
    assert (note.level, note.fix) == ("warning", {"objective.gamma": usual})
    assert advice(tmp_path, kind="simpo", **{**values, "gamma": usual}) == []
    assert advice(tmp_path, kind="orpo", **values) == []


def test_the_usual_margin_is_not(tmp_path: Path) -> None:
    assert advice(tmp_path, kind="simpo") == []
