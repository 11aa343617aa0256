"""What keeps rewards from being given is said before a launch, at the setting to change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuitune.planning.checks import rewards
from tuitune.planning.checks.rewards import check_rewards
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.rewards.python_file import fingerprint

SOURCE = "raise SystemExit('run')\n"


def problems(base: Path, *assignments: str) -> list[tuple[str, str]]:
    recipe = apply(Recipe(), ["objective.kind=grpo", *assignments])
    return [(problem.key, problem.message) for problem in check_rewards(recipe, base)]


def test_foreign_code_is_approved_by_what_it_is_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    settings = ("rewards.weights=python=1", "rewards.file=mine.py")
    ((key, message),) = problems(tmp_path, *settings)
    approval = f'rewards.approved = "{fingerprint(SOURCE.encode())}"'
    assert key == "rewards.file" and approval in message
    approved = (*settings, approval.replace(" ", ""))
    assert problems(tmp_path, *approved) == []
    file.write_text(SOURCE + "# and more\n")
    ((key, message),) = problems(tmp_path, *approved)
    assert key == "rewards.file" and "has changed" in message
    file.unlink()
    assert [key for key, _ in problems(tmp_path, *approved)] == ["rewards.file"]


def test_a_pattern_is_read_before_the_launch(tmp_path: Path) -> None:
    ((key, _),) = problems(tmp_path, "rewards.weights=pattern=1", "rewards.pattern=(")
    assert key == "rewards.pattern"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "a record"}, "a record"),
        (False, "false"),
        ({"items": {"$ref": "#/$defs/line"}}, "#/$defs/line"),
        ({"x": {"y": {"$ref": "#gone"}}, "$ref": "#/x/y"}, "#gone"),
        ({"properties": {"at": {"$ref": "http://127.0.0.1:9/at.json"}}}, "127.0.0.1"),
        ({"$ref": "#"}, "without end"),
        ({"properties": {"to": {"format": "anything"}}}, "anything"),
        ({"$schema": "http://json-schema.org/draft-99/schema#"}, "draft-99"),
    ],
)
def test_a_schema_that_nothing_can_be_judged_by_is_refused(tmp_path: Path, schema: object, said: str) -> None:
    (tmp_path / "record.json").write_text(json.dumps(schema))
    ((key, message),) = problems(tmp_path, "rewards.weights=schema=1", "rewards.schema_file=record.json")
    assert key == "rewards.schema_file" and said in message


def test_a_schema_may_refer_to_its_own_parts(tmp_path: Path) -> None:
    whole = {"$defs": {"n": {"type": "integer"}}, "properties": {"of": {"$ref": "#"}, "format": {"$ref": "#/$defs/n"}}}
    (tmp_path / "record.json").write_text(json.dumps(whole))
    assert problems(tmp_path, "rewards.weights=schema=1", "rewards.schema_file=record.json") == []


def test_a_package_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards, "find_spec", lambda name: None)
    ((key, message),) = problems(tmp_path, "rewards.weights=schema=1", "rewards.schema_file=record.json")
    assert key == "rewards.weights" and "pip install jsonschema" in message


def test_other_objectives_have_no_rewards_to_check(tmp_path: Path) -> None:
    recipe = apply(Recipe(), ["rewards.weights=python=1", "rewards.file=nowhere.py"])
    assert check_rewards(recipe, tmp_path) == []
