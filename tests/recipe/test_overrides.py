"""`--set KEY=VALUE` and presets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tuitune.data.sources.bundled import data_path
from tuitune.data.sources.files import open_rows
from tuitune.problem import TuituneError
from tuitune.recipe.check import RecipeError, problems
from tuitune.recipe.overrides import apply
from tuitune.recipe.presets import ALIASES, PRESETS, apply_preset, demo_recipe
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("training.learning_rate=1e-4", 1e-4),
        ("training.epochs=3", 3.0),
        ("data.limit=200", 200),
        ("data.limit=", None),
        ("data.eval=", None),
        ("data.eval=0.1", 0.1),
        ("data.eval=held.jsonl", "held.jsonl"),
        ("adapter.targets=all-linear", "all-linear"),
        ('adapter.targets=["q_proj"]', ["q_proj"]),
        ("adapter.targets=q_proj,v_proj", ["q_proj", "v_proj"]),
        ('samples.prompts=["a b"]', ["a b"]),
        ("samples.prompts=Hello, you", ["Hello, you"]),
        ("run.name=foo", "foo"),
        ("run.name=123", "123"),
        ('run.notes="a\\nb"', "a\nb"),
        ("run.notes=a = b", "a = b"),
        ("run.notes='", "'"),
        ("model.id=Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B"),
        ("quantization.bits=4", 4),
        ("evaluation.every=epoch", "epoch"),
        ("evaluation.every=20", 20),
        ("adapter.dora=true", True),
        ("data.columns={prompt='q', completion='a'}", {"prompt": "q", "completion": "a"}),
        ("data.columns=text=body", {"text": "body"}),
        ("data.mix=general.jsonl=0.1", {"general.jsonl": 0.1}),
        ("data.mix={'general.jsonl' = 0.1}", {"general.jsonl": 0.1}),
        (" training.schedule = linear ", "linear"),
    ],
)
def test_one_setting_is_changed(assignment: str, value: object) -> None:
    recipe = apply(Recipe(), [assignment])
    section, name = assignment.partition("=")[0].strip().split(".")
    assert getattr(getattr(recipe, section), name) == value
    assert recipe == recipe.model_validate(recipe.model_dump())


def test_the_last_one_counts_and_the_rest_stays() -> None:
    recipe = apply({"run": {"name": "mine"}, "adapter": {"rank": 4}}, ["adapter.rank=8", "adapter.rank=32"])
    assert (recipe.adapter.rank, recipe.run.name) == (32, "mine")


def test_everything_wrong_is_named() -> None:
    with pytest.raises(RecipeError) as refused:
        apply(Recipe(), ["training.lr=1", "adapter.rank=x", "nonsense", "quantization.bits=4", "adapter.method=none"])
    found = {problem.key: problem.message for problem in refused.value.problems}
    assert set(found) == {"training.lr", "'nonsense'", "adapter.rank", "quantization.bits"}
    assert found["training.lr"] == "unknown key; did you mean 'training.learning_rate'?"
    assert found["'nonsense'"] == "expected KEY=VALUE, such as training.learning_rate=1e-4"


def test_unknown_keys_alone_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"adapter\.rang: unknown key"):
        apply(Recipe(), ["adapter.rang=4"])


def test_a_table_that_is_none_is_refused_once() -> None:
    with pytest.raises(RecipeError) as refused:
        apply({"adapter": 3}, ["adapter.rank=4"])
    assert [problem.key for problem in refused.value.problems] == ["adapter"]


def test_a_value_cannot_smuggle_in_another_key() -> None:
    with pytest.raises(RecipeError, match=r"adapter\.rank"):
        apply(Recipe(), ["adapter.rank=4\nother = 3"])


@hypothesis(deadline=None)
@given(
    st.lists(
        st.text(max_size=40)
        | st.tuples(st.sampled_from(["adapter.targets", "data.eval", "run.name"]), st.text(max_size=20)).map("=".join),
        max_size=3,
    )
)
def test_any_assignments_are_applied_or_refused(assignments: list[str]) -> None:
    try:
        apply(Recipe(), assignments)
    except RecipeError as error:
        assert error.problems


def test_presets_make_valid_recipes_with_an_effective_batch_of_16() -> None:
    for preset in PRESETS.values():
        recipe = apply_preset(Recipe(), preset.name)
        assert (problems(recipe) == [] and recipe != Recipe()) or preset.name == "balanced"
        assert recipe.training.batch_size * recipe.training.accumulation == 16
        assert all(
            getattr(getattr(recipe, setting(key).section), setting(key).name) == value
            for key, value in preset.values.items()
        )


@pytest.mark.parametrize(
    ("alias", "rank", "alpha", "targets"),
    [
        ("A", 4, 8, ["q_proj", "v_proj"]),
        ("b", 16, 32, ["q_proj", "k_proj", "v_proj", "o_proj"]),
        ("C", 64, 128, "all-linear"),
    ],
)
def test_the_presets_of_the_tutorials(alias: str, rank: int, alpha: int, targets: object) -> None:
    adapter = apply_preset(Recipe(), alias).adapter
    assert (adapter.rank, adapter.alpha, adapter.targets) == (rank, alpha, targets)
    assert apply_preset(Recipe(), ALIASES[alias.upper()]) == apply_preset(Recipe(), alias)


def test_small_cards_get_4_bit_weights() -> None:
    for name in ("fits-8gb", "fits-16gb", "fits-24gb"):
        recipe = apply_preset(Recipe(), name)
        assert recipe.quantization.bits == 4 and recipe.training.gradient_checkpointing
    assert apply_preset(Recipe(), "fits-80gb").quantization.bits == 16


def test_a_preset_keeps_everything_else() -> None:
    before = apply(Recipe(), ["run.name=mine", "training.epochs=1"])
    after = apply_preset(before, "A")
    assert (after.run, after.training) == (before.run, before.training)


def test_an_unknown_preset_names_the_known() -> None:
    with pytest.raises(TuituneError, match="fast, balanced, high-capacity"):
        apply_preset(Recipe(), "Z")


def test_the_demo_is_a_valid_recipe_on_bundled_things() -> None:
    recipe = demo_recipe()
    assert problems(recipe) == []
    assert recipe.model.id == "bundled:nano" and recipe.data.train == "bundled:triage"
    assert recipe.evaluation.answers and recipe.samples.prompts


def test_the_demo_asks_what_it_was_not_trained_on() -> None:
    rows = open_rows(data_path(demo_recipe().data.train))
    asked = {row.values["messages"][0]["content"] for row in rows if row.values}
    assert len(asked) > 1000 and not asked & set(demo_recipe().samples.prompts)


def test_one_option_of_a_tuner_is_set_beside_the_others() -> None:
    before = apply({"adapter": {"method": "vera", "options": {"r": 8}}}, ["adapter.options.vera_dropout=0.1"])
    assert before.adapter.options == {"r": 8, "vera_dropout": 0.1}
    assert apply(before, ["adapter.options.r=4", "adapter.options.x=word"]).adapter.options["x"] == "word"
    assert apply(before, ["adapter.options={ r = 2 }"]).adapter.options == {"r": 2}
