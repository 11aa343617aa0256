"""Tokens are kept for what they depend on: every setting that says so, the data's content and the tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import TEMPLATE, make_tokenizer
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.engine.tokens.tokenize import cache_key
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, settings

NAMED: dict[str, Any] = {
    "data.train": "other.jsonl",
    "data.eval": "other.jsonl",
    "data.mix": {"other.jsonl": 0.1},
    "adapter.layers": "0-3",
    "adapter.lora_plus": 16.0,
    "rewards.weights": {"json": 1.0},
}


@pytest.fixture(scope="module")
def template() -> ChatTemplate:
    return ChatTemplate(make_tokenizer(TEMPLATE))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    for name in ("rows.jsonl", "other.jsonl"):
        (tmp_path / name).write_text('{"prompt": "a", "completion": "b"}\n')
    return tmp_path


def another(one: Setting) -> Any:
    """A value that is not the default."""
    if one.key in NAMED:
        return NAMED[one.key]
    if one.kind == "choice":
        return next((choice for choice in one.choices if choice != one.default), None)
    if one.kind == "switch":
        return not one.default
    if one.kind in ("integer", "cadence"):
        return 1 + (one.default if isinstance(one.default, int) else 1)
    if one.kind == "number":
        return one.default / 2 if one.default else 0.75
    other = {"list": ["0" * 16], "table": {"prompt": "question"}, "counts": {"q_proj": 8}, "options": {"r": 8}}
    return other.get(one.kind, "another")


@pytest.mark.parametrize("one", settings(), ids=lambda one: one.key)
def test_a_setting_makes_other_tokens_where_it_says_so(one: Setting, template: ChatTemplate, folder: Path) -> None:
    if (value := another(one)) is None:
        pytest.skip("it has one value")
    before = with_values(Recipe(), {"data.train": "rows.jsonl"})
    after = with_values(before, {one.key: value})
    assert one.of(after) != one.of(before)
    keys = [cache_key(recipe, template, {0}, folder) for recipe in (before, after)]
    assert (keys[0] != keys[1]) == one.affects("tokens")


def test_content_and_tokenizer_make_other_tokens_under_the_same_names(template: ChatTemplate, folder: Path) -> None:
    recipe = with_values(Recipe(), {"data.train": "rows.jsonl"})
    before = cache_key(recipe, template, {0}, folder)
    assert cache_key(recipe, template, {0}, folder) == before
    assert cache_key(recipe, ChatTemplate(make_tokenizer(TEMPLATE + " ")), {0}, folder) != before
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "c"}\n')
    assert cache_key(recipe, template, {0}, folder) != before


def test_what_reads_rows_for_a_reward_makes_other_tokens(
    template: ChatTemplate, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = with_values(Recipe(), {"data.train": "rows.jsonl", "rewards.weights": {"numeric": 1.0}})
    keys = []
    for found in (None, True):
        monkeypatch.setattr("tuitune.rewards.find_spec", lambda name, found=found: found)
        keys.append(cache_key(recipe, template, {0}, folder))
    assert keys[0] != keys[1]
