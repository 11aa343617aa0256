"""Settings are read from the schema, and what a person types in a form row becomes the value that it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.recipe.strategies import values
from tuitune.problem import TuituneError
from tuitune.recipe.check import RecipeError, parse
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import parse_value, section_titles, setting, settings, show_value, suggestion


@pytest.mark.parametrize(
    ("key", "typed", "meant"), [("adapter.method", "prefx", "prefix"), ("objective.kind", "DPO2", "dpo")]
)
def test_a_choice_that_is_misspelt_names_the_one_that_is_meant(key: str, typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"found '{typed}'; did you mean '{meant}'"):
        parse_value(setting(key), typed)
    with pytest.raises(ValueError, match=r"found 'zzz'$"):
        parse_value(setting(key), "zzz")


def test_settings_are_all_the_fields_in_order() -> None:
    keys = [one.key for one in settings()]
    tables = Recipe().model_dump()
    assert keys == [f"{section}.{name}" for section, table in tables.items() for name in table]
    assert all(one.default == tables[one.section][one.name] for one in settings())
    assert list(section_titles()) == list(tables)
    assert section_titles()["quantization"] == "Quantization"


def test_every_setting_can_be_explained() -> None:
    for one in settings():
        assert one.title and one.help.endswith("."), one.key
        assert one.expected, one.key
        assert one.default is None or one.kind != "choice" or one.default in one.choices


@pytest.mark.parametrize(
    ("key", "kind", "bounds"),
    [
        ("adapter.rank", "integer", "from 1 to 4,096"),
        ("adapter.dropout", "number", "from 0 to below 1"),
        ("training.learning_rate", "number", "above 0 and at most 1"),
        ("data.max_length", "integer", "from 8 to 1,048,576"),
        ("adapter.dora", "switch", ""),
        ("quantization.bits", "choice", ""),
        ("adapter.targets", "list", ""),
        ("data.columns", "table", ""),
        ("data.mix", "shares", ""),
        ("adapter.rank_pattern", "counts", ""),
        ("checkpoints.every", "cadence", "from 1 to 1,000,000,000"),
        ("data.eval", "text", ""),
    ],
)
def test_kinds_and_bounds(key: str, kind: str, bounds: str) -> None:
    assert (setting(key).kind, setting(key).bounds) == (kind, bounds)


def test_facts_of_single_settings() -> None:
    assert setting("quantization.bits").choices == (16, 8, 4)
    assert setting("adapter.targets").words == ("all-linear",)
    assert setting("evaluation.every").words == ("epoch", "end")
    assert setting("data.limit").optional and not setting("adapter.rank").optional
    assert setting("data.max_length").unit == "tokens"
    assert setting("adapter.dora").advanced


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("adapter.rank", " 8 ", 8),
        ("data.max_length", "1,024", 1024),
        ("training.learning_rate", "2e-4", 2e-4),
        ("training.epochs", "3", 3.0),
        ("adapter.dora", "yes", True),
        ("quantization.bits", "4", 4),
        ("adapter.targets", "q_proj, v_proj", ["q_proj", "v_proj"]),
        ("adapter.targets", "q_proj v_proj", ["q_proj", "v_proj"]),
        ("adapter.targets", '["q_proj"]', ["q_proj"]),
        ("adapter.targets", "all-linear", "all-linear"),
        ("samples.prompts", "Hello, who are you?", ["Hello, who are you?"]),
        ("samples.prompts", "One\nTwo", ["One", "Two"]),
        ("samples.prompts", "", []),
        ("data.columns", "prompt=question, completion=answer", {"prompt": "question", "completion": "answer"}),
        ("data.columns", '{ text = "a b" }', {"text": "a b"}),
        ("data.columns", "", {}),
        ("data.mix", "general.jsonl = 0.15, owner/name=.1", {"general.jsonl": 0.15, "owner/name": 0.1}),
        ("data.mix", '"general.jsonl" = 0.15', {"general.jsonl": 0.15}),
        ("data.mix", '{ "a, b.jsonl" = 0.15 }', {"a, b.jsonl": 0.15}),
        ("data.mix", "", {}),
        ("adapter.rank_pattern", "q_proj=8, v_proj = 32", {"q_proj": 8, "v_proj": 32}),
        ("adapter.layers", "last 8", "last 8"),
        ("evaluation.every", "50", 50),
        ("evaluation.every", "end", "end"),
        ("data.eval", "0.1", 0.1),
        ("data.eval", "held.jsonl", "held.jsonl"),
        ("data.eval", "", None),
        ("data.limit", " ", None),
    ],
)
def test_typed_text_becomes_a_value(key: str, typed: str, value: object) -> None:
    found = parse_value(setting(key), typed)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("adapter.rank", "x", "expected a whole number from 1 to 4,096, found 'x'"),
        ("adapter.rank", "0", "expected a whole number from 1 to 4,096, found 0"),
        ("adapter.rank", "", "expected a whole number from 1 to 4,096, found nothing"),
        ("adapter.dropout", "fast", "expected a number from 0 to below 1, found 'fast'"),
        ("adapter.dropout", "nan", "expected a number from 0 to below 1, found nan"),
        ("training.learning_rate", "inf", "expected a number above 0 and at most 1, found inf"),
        ("quantization.bits", "5", "expected 16, 8 or 4, found '5'"),
        ("adapter.dora", "maybe", "expected true or false, found 'maybe'"),
        (
            "evaluation.every",
            "often",
            "expected a number of steps from 1 to 1,000,000,000, epoch or end, found 'often'",
        ),
        ("data.eval", "0.9", "expected a fraction above 0 and at most 0.5, a file or set, or nothing, found '0.9'"),
        ("data.train", "", "expected text that is not empty, found nothing"),
        ("data.columns", "prompt", "expected roles and their columns, such as "),
        ("data.mix", "general.jsonl", "expected data sets and their shares, such as "),
        ("data.mix", "general.jsonl=much", "expected data sets and their shares, such as "),
        ("data.mix", "general.jsonl=1", "expected data sets and their shares, such as "),
        ("samples.prompts", "[1]", 'expected a list such as ["…"], found a list: 1'),
        ("run.name", "My Run", "expected at most 64 lower-case letters, digits, '.', '_' and '-'"),
        ("run.notes", "n" * 10_001, "expected text of at most 10,000 characters, found 'nnn"),
    ],
)
def test_what_is_refused_says_what_was_expected(key: str, typed: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_value(setting(key), typed)
    assert str(refused.value).startswith(message)
    assert len(str(refused.value)) < 250


def test_messages_hide_secrets_and_are_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "Abcdefgh12345")
    for typed in ("hf_" + "A1b2" * 8, "Abcdefgh12345", "Bearer abcdefghijkl12345", "\x1b[31mred"):
        with pytest.raises(ValueError) as refused:
            parse_value(setting("run.name"), typed)
        assert typed not in str(refused.value) and "\x1b" not in str(refused.value)


@hypothesis(deadline=None)
@given(st.data())
def test_shown_values_read_back(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from([one for one in settings() if one.kind != "list" or one.words]))
    value = Recipe.model_validate({one.section: {one.name: data.draw(values(one))}}).model_dump()[one.section][one.name]
    assert parse_value(one, show_value(one, value)) == value


@hypothesis(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t")), max_size=4))
def test_shown_prompts_read_back(prompts: list[str]) -> None:
    one = setting("samples.prompts")
    assert parse_value(one, show_value(one, prompts)) == prompts


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.id", "a\0b"),
        ("model.revision", "main\x1b[2J"),
        ("data.train", "rows\n.jsonl"),
        ("data.eval", "held\0out.jsonl"),
        ("data.mix", {"general\r.jsonl": 0.1}),
        ("data.columns", {"prompt": "quest\0ion"}),
        ("data.template", "chat\x7f.jinja"),
        ("adapter.targets", ["q_proj\x07"]),
        ("samples.prompts", ["What\0?"]),
        ("hardware.gpu", "0\0"),
        ("run.notify", "beep\0"),
    ],
)
def test_a_control_character_in_a_name_is_refused_in_one_line(key: str, value: Any) -> None:
    section, _, name = key.partition(".")
    with pytest.raises(RecipeError) as refused:
        parse({section: {name: value}})
    (problem,) = refused.value.problems
    assert problem.key == key and "control character" in problem.message and problem.message.isprintable()


def test_notes_and_prompts_may_have_lines() -> None:
    texts = {"run": {"notes": "one\n\ttwo"}, "samples": {"prompts": ["one\ntwo"]}}
    assert parse(texts).samples.prompts == ["one\ntwo"]


@hypothesis(deadline=None)
@given(st.sampled_from(settings()), st.text(max_size=40))
def test_any_text_is_a_value_or_a_clear_refusal(one: Any, typed: str) -> None:
    try:
        parse_value(one, typed)
    except ValueError as error:
        assert str(error).startswith("expected ")


@pytest.mark.parametrize(
    ("value", "shown"), [(2e-4, "2e-4"), (3.0, "3"), (0.05, "0.05"), (1e-5, "1e-5"), (None, ""), (False, "false")]
)
def test_values_are_shown_shortly(value: object, shown: str) -> None:
    assert show_value(setting("training.learning_rate"), value) == shown


@pytest.mark.parametrize(
    ("key", "close"),
    [
        ("adapter.rnk", "adapter.rank"),
        ("model.rank", "adapter.rank"),
        ("rank", "adapter.rank"),
        ("training.lr", "training.learning_rate"),
        ("lora_alpha", "adapter.alpha"),
        ("adaptor.rank", "adapter.rank"),
        ("trainin", "training"),
        ("training.epoch", "training.epochs"),
    ],
)
def test_unknown_keys_get_a_suggestion(key: str, close: str) -> None:
    with pytest.raises(TuituneError) as refused:
        setting(key)
    assert str(refused.value) == f"{key}: unknown key; did you mean '{close}'?"


def test_hopeless_keys_get_none() -> None:
    with pytest.raises(TuituneError, match=r"^qqqqqqqqqq: unknown key$"):
        setting("qqqqqqqqqq")


def test_other_tools_names_lead_to_settings() -> None:
    others = [name for one in settings() for name in one.also]
    assert len(set(others)) == len(others)
    assert all(suggestion(f"training.{name}") == one.key for one in settings() for name in one.also)
