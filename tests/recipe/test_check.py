"""A recipe is refused with everything that is wrong with it at once, each with its key and its remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.recipe.strategies import recipes
from tuitune.recipe.check import RecipeError, parse, problems
from tuitune.recipe.schema import Recipe


def refused(tables: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RecipeError) as error:
        parse(tables)
    return {problem.key: problem.message for problem in error.value.problems}


def test_nothing_is_the_defaults() -> None:
    assert parse({}) == Recipe()
    assert problems(Recipe()) == []


def test_everything_wrong_is_named_at_once() -> None:
    found = refused(
        {
            "adapter": {"rnk": 3, "rank": "x", "method": "none", "targets": [1]},
            "quantization": {"bits": 4},
            "training": {"learning_rate": float("nan"), "epochs": float("inf"), "batch_size": True},
            "data": {"eval": 0.9, "columns": {"prompt": 3}},
            "evaluation": {"every": "often"},
            "datas": {},
            "model": 5,
        }
    )
    assert found == {
        "adapter.rnk": "unknown key; did you mean 'adapter.rank'?",
        "adapter.rank": "expected a whole number from 1 to 4,096, found 'x'",
        "adapter.targets": 'expected a list such as ["q_proj", "v_proj"] or all-linear, found a list: 1',
        "quantization.bits": "full fine-tuning does not go with 4-bit weights: quantized weights cannot be trained "
        'themselves; set it to 16, or adapter.method = "lora"',
        "training.learning_rate": "expected a number above 0 and at most 1, found nan",
        "training.epochs": "expected a number above 0 and at most 1,000, found inf",
        "training.batch_size": "expected a whole number from 1 to 4,096, found true",
        "data.eval": "expected a fraction above 0 and at most 0.5, a file or set, or nothing, found 0.9",
        "data.columns": "expected roles and their columns, such as "
        'prompt = "question", completion = "answer", found a table',
        "evaluation.every": "expected a number of steps from 1 to 1,000,000,000, epoch or end, found 'often'",
        "datas": "unknown key; did you mean 'data'?",
        "model": "expected a table of settings, found 5",
    }


def test_a_rule_says_nothing_about_settings_that_are_wrong_themselves() -> None:
    assert set(refused({"adapter": {"method": "nothing"}, "quantization": {"bits": 4}})) == {"adapter.method"}
    assert set(refused({"adapter": 3, "quantization": {"bits": 4}})) == {"adapter"}


def test_a_quoted_fraction_and_an_empty_name_are_what_they_say() -> None:
    assert parse({"data": {"eval": "0.1"}}).data.eval == 0.1
    assert parse({"data": {"eval": ""}}).data.eval is None
    assert parse({"data": {"eval": None}}).data.eval is None


def test_values_are_quoted_short_and_without_secrets() -> None:
    secret = "hf_" + "A1b2" * 8
    found = refused(
        {secret: 1, "data": {"limit": 10**5000, "train": "", secret: 2}, "adapter": {"rank": secret, "targets": []}}
    )
    assert secret not in str(found)
    assert found["data.limit"].endswith("found a number with thousands of digits")
    assert found["data.train"] == "expected text that is not empty, found nothing"


BROKEN_RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"adapter": {"method": "none"}, "quantization": {"bits": 8}}, "quantization.bits", "set it to 16"),
    ({"model": {"dtype": "bfloat16"}, "training": {"precision": "fp16"}}, "training.precision", '"auto" or "bf16"'),
    ({"model": {"dtype": "float16"}, "training": {"precision": "bf16"}}, "training.precision", '"auto" or "fp16"'),
    ({"model": {"dtype": "float16"}, "adapter": {"method": "none"}}, "model.dtype", '"float32"'),
    ({"training": {"precision": "fp16"}, "adapter": {"bias": "all"}}, "adapter.bias", 'bias = "none"'),
    ({"objective": {"kind": "dpo"}, "adapter": {"bias": "lora_only"}}, "adapter.bias", '"none"'),
    ({"model": {"dtype": "float16"}, "adapter": {"bias": "lora_only"}}, "adapter.bias", '"bf16"'),
    (
        {"model": {"dtype": "float16"}, "training": {"precision": "fp16"}, "adapter": {"method": "none"}},
        "model.dtype",
        'model.dtype = "float32"',
    ),
    ({"adapter": {"targets": []}}, "adapter.targets", "q_proj and v_proj"),
    ({"adapter": {"targets": ["all-linear"]}}, "adapter.targets", 'targets = "all-linear"'),
    ({"adapter": {"targets": ["q_proj", " "]}}, "adapter.targets", "remove it"),
    ({"adapter": {"targets": ["model.lm_head"]}}, "adapter.targets", "lm_head"),
    ({"training": {"schedule": "polynomial", "learning_rate": 1e-7}}, "training.learning_rate", "higher rate"),
    ({"evaluation": {"answers": 5}, "data": {"eval": ""}}, "evaluation.answers", "answers = 0"),
    ({"data": {"train": "a.jsonl", "eval": "./a.jsonl"}}, "data.eval", "0.05"),
    ({"data": {"train": "bundled:style", "eval": "bundled:style"}}, "data.eval", "training rows"),
    ({"data": {"train": "~nobody-here", "eval": "~nobody-here"}}, "data.eval", "training rows"),
    ({"data": {"mix": {"a.jsonl": 0.5, "b.jsonl": 0.45}}}, "data.mix", "add up to 0.95"),
    ({"data": {"mix": {" ": 0.1}}}, "data.mix", "name a file or set"),
    ({"data": {"train": "a.jsonl", "mix": {"./a.jsonl": 0.1}}}, "data.mix", "training rows"),
    ({"data": {"eval": "held.jsonl", "mix": {"held.jsonl": 0.1}}}, "data.mix", "would be trained on"),
    ({"data": {"mix": {"a.jsonl": 0.1, "./a.jsonl": 0.1}}}, "data.mix", "one share"),
    ({"data": {"exclude": ["0123456789abcdef", "row 7"]}}, "data.exclude", "'row 7' is not a row mark"),
    ({"data": {"exclude": ["0123456789ABCDEF"]}}, "data.exclude", "lower-case"),
    ({"data": {"unlearned": ["0123456789abcdef:2", "0123456789abcdef"]}}, "data.unlearned", "names no answer"),
    ({"data": {"unlearned": ["0123456789abcdef:0"]}}, "data.unlearned", "number of a turn"),
    ({"data": {"limit": 1}}, "data.limit", "raise the limit"),
    ({"evaluation": {"patience": 2}, "data": {"eval": ""}}, "evaluation.patience", "leave patience empty"),
    ({"evaluation": {"patience": 2, "every": "end"}}, "evaluation.patience", "number of steps"),
    ({"limits": {"cost": 5.0}}, "limits.cost", "limits.price_per_hour"),
    ({"limits": {"until": "tomorrow"}}, "limits.until", "2026-12-24T08:00"),
    ({"limits": {"until": "0001-01-01T00:00"}}, "limits.until", "2026-12-24T08:00"),
    ({"hardware": {"gpu": "cuda:0"}}, "hardware.gpu", "tuitune gpus"),
    ({"run": {"notify": "say 'done"}}, "run.notify", "quotation mark"),
    ({"data": {"shape": "text"}}, "data.loss_on", 'loss_on = "all"'),
    ({"data": {"columns": {"question": "q"}}}, "data.columns", "prompt, completion, text"),
    ({"data": {"columns": {"prompt": " ", "completion": "a"}}}, "data.columns", "name one"),
    ({"data": {"columns": {"text": "t"}, "shape": "alpaca"}}, "data.columns", "remove the column"),
    ({"data": {"columns": {"text": "t", "system": "s"}}}, "data.columns", "text cannot be combined"),
    ({"data": {"columns": {"text": "t"}, "shape": "columns"}}, "data.columns", "prompt and completion"),
    ({"data": {"columns": {"prompt": "q", "completion": "a"}, "shape": "sharegpt"}}, "data.columns", "only messages"),
    ({"data": {"columns": {"prompt": "q"}}}, "data.columns", "completion has no column"),
    ({"data": {"columns": {"prompt": "q", "completion": "q"}}}, "data.columns", "two roles"),
    ({"samples": {"prompts": ["Hi", "  "]}}, "samples.prompts", "prompt 2 is empty"),
]


@pytest.mark.parametrize(("tables", "key", "remedy"), BROKEN_RULES)
def test_combinations_that_cannot_work(tables: dict[str, Any], key: str, remedy: str) -> None:
    found = refused(tables)
    assert list(found) == [key]
    assert remedy in found[key]
    draft = Recipe.model_validate(tables)
    assert [problem.key for problem in problems(draft)] == [key]


@pytest.mark.parametrize(
    "tables",
    [
        {"adapter": {"method": "none", "targets": []}},
        {"adapter": {"dora": True, "rslora": True}, "quantization": {"bits": 8}},
        {"data": {"eval": ""}},
        {"data": {"mix": {"general.jsonl": 0.2, "bundled:style": 0.7}}},
        {"data": {"exclude": ["0123456789abcdef"], "unlearned": ["0123456789abcdef:12"]}},
        {"data": {"columns": {"prompt": "q", "completion": "a", "system": "s"}}},
        {"data": {"columns": {"text": "body"}, "shape": "text", "loss_on": "all"}},
        {"data": {"columns": {"text": "body"}}},
        {"data": {"columns": {"messages": "talk", "label": "good"}, "shape": "messages"}},
        {"data": {"columns": {"instruction": "q", "output": "a", "tools": "t"}}},
        {"data": {"limit": 1, "eval": "held.jsonl"}},
        {"model": {"dtype": "float32"}, "training": {"precision": "bf16"}},
    ],
)
def test_combinations_that_work(tables: dict[str, Any]) -> None:
    assert problems(parse(tables)) == []


@hypothesis(deadline=None)
@given(recipes())
def test_problems_is_what_parse_refuses(recipe: Recipe) -> None:
    found = problems(recipe)
    try:
        assert parse(recipe.model_dump()) == recipe
        assert not found
    except RecipeError as error:
        assert error.problems == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*Recipe.model_fields, "rank", ""]) | st.text(max_size=8)
NAMES = st.sampled_from([name for info in Recipe.model_fields.values() for name in info.annotation.model_fields])  # type: ignore[union-attr]


@hypothesis(deadline=None)
@given(st.dictionaries(KEYS, JSON | st.dictionaries(NAMES, JSON, max_size=4), max_size=4))
def test_any_tables_are_a_recipe_or_refused_by_key(tables: dict[str, Any]) -> None:
    try:
        parse(tables)
    except RecipeError as error:
        assert error.problems
        assert all(problem.message and len(str(problem)) < 400 for problem in error.problems)
