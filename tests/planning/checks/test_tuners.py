"""PEFT is asked about a recipe's tuner by a process of its own, and only where somebody waits for the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuitune.planning.checks import tuners
from tuitune.planning.preflight import Check, check
from tuitune.recipe.schema import Recipe

pytestmark = pytest.mark.usefixtures("home", "warm")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuners, "_answers", {})


def checked(tmp_path: Path, *, online: bool, **options: Any) -> Check:
    tables = {
        "model": {"id": "bundled:nano"},
        "data": {"train": "bundled:triage"},
        "adapter": {"method": "vera", "targets": "all-linear", "options": options},
    }
    return check(Recipe.model_validate(tables), base=tmp_path, gpus=[], online=online)


def test_the_screen_does_not_wait_and_knows_once_somebody_has_asked(tmp_path: Path) -> None:
    before = checked(tmp_path, online=False, r=8)
    assert before.tuner_to_ask and before.trainable is None
    asked = checked(tmp_path, online=True, r=8)
    assert asked.trainable and not asked.errors and not asked.tuner_to_ask
    assert asked.forecast is None and asked.unforecast == "VeRA"
    assert checked(tmp_path, online=False, r=8).trainable == asked.trainable
    [problem] = checked(tmp_path, online=False, ranks=8).errors
    assert problem.key == "adapter.options" and "ranks" in problem.message


def test_peft_that_does_not_answer_is_not_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuners, "_asked", lambda *_: {})
    unknown = checked(tmp_path, online=True)
    assert unknown.trainable is None and not unknown.errors
    assert "tuner-unknown" in [one.id for one in unknown.advice]
    assert not checked(tmp_path, online=False).tuner_to_ask


def test_a_tuner_that_cannot_be_used_is_refused_with_its_reason_alone(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"adapter": {"method": "poly"}, "data": {"train": "bundled:triage"}})
    [problem] = check(recipe, base=tmp_path, gpus=[], online=True).errors
    assert problem.key == "adapter.method" and "task" in problem.message
