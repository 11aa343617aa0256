"""What PEFT is asked about its tuners before a launch: their options, and how many parameters they train."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.methods.small import OPTIONS, WORKING
from tests.engine.support import make_model, save_model
from tuitune.engine.jobs import tuners
from tuitune.engine.methods import adapt
from tuitune.hardware.model_facts import read_facts
from tuitune.methods import TUNERS
from tuitune.methods.options import Option, wrong
from tuitune.planning.targets import trainable_parameters
from tuitune.recipe.schema import Recipe


def counted(model: Path, objective: str = "sft", **adapter: Any) -> dict[str, Any]:
    wanted = {"adapter": {"targets": "all-linear", **adapter}, "objective": objective, "model": str(model)}
    return tuners.run_count(SimpleNamespace(wanted=wanted, progress=lambda text: None))  # type: ignore[arg-type]


SOME = ("vera", "boft")
"""One that PEFT counts, and one that is counted by the sizes of the layers."""


@pytest.mark.parametrize(
    "name", [*SOME, *(pytest.param(name, marks=pytest.mark.slow) for name in TUNERS if name in {*WORKING} - {*SOME})]
)
def test_the_count_is_that_of_the_model_itself(name: str, tiny: Path) -> None:
    """By PEFT where it can be put on a model without weights, else by the sizes of the layers."""
    adapter = {"method": name, "targets": "all-linear", "options": OPTIONS.get(name, {})}
    recipe = Recipe.model_validate({"adapter": adapter})
    told = counted(tiny, **adapter)
    assert told["problems"] == []
    base: Any = SimpleNamespace(model=make_model(), commit=None)
    trained = sum(weight.numel() for weight in adapt(base, recipe, 10).model.parameters() if weight.requires_grad)
    assert (told["trainable"] or trainable_parameters(recipe, read_facts(tiny))) == trained


def test_every_option_of_every_tuner_is_known_with_a_default_that_it_takes() -> None:
    told = tuners.run_options(None)  # type: ignore[arg-type]
    assert set(told) == set(TUNERS)
    for name, options in told.items():
        known = [Option(**one) for one in options]
        given = {one.name: one.default for one in known if one.default is not None}
        assert wrong(known, given) == [], name


@pytest.mark.parametrize(
    ("adapter", "word"),
    [
        ({"method": "c3a", "options": {"block_size": 7}}, "7"),
        ({"method": "vera", "options": {"rank": 8}}, "rank"),
        ({"method": "oft", "options": {"oft_block_size": "large"}}, "oft_block_size"),
        ({"method": "trainable_tokens"}, "nothing to train"),
        ({"method": "trainable_tokens", "options": {"token_indices": [5, 320]}}, "320 is no token"),
        ({"method": "trainable_tokens", "options": {"token_indices": [-1]}}, "-1 is no token"),
        ({"method": "trainable_tokens", "options": {"token_indices": ["<|end|>"]}}, "is no token"),
        ({"method": "trainable_tokens", "options": {"token_indices": [3, 3]}}, "3 stands there twice"),
        ({"method": "shira", "options": {"r": 100_000}}, "100000"),
    ],
    ids=["divides", "unknown", "kind", "nothing", "beyond", "below", "text", "twice", "too large"],
)
def test_options_that_do_not_go_with_the_model_are_told_by_peft(adapter: dict[str, Any], word: str, tiny: Path) -> None:
    told = counted(tiny, **adapter)
    assert told["trainable"] is None
    [(key, message)] = told["problems"]
    assert key == "adapter.options" and word in message


def test_layers_and_targets_are_the_recipes_with_tuners_that_know_no_layers(tmp_path: Path) -> None:
    """BEFT has no `layers_to_transform`."""
    model = save_model(tmp_path / "qwen", "qwen2")
    whole, half = (counted(model, method="beft", targets=["v_proj"], layers=layers) for layers in ("", "1"))
    assert whole["trainable"] == 2 * half["trainable"] > 0


def test_tokens_of_a_head_that_is_the_embeddings_are_refused(tmp_path: Path) -> None:
    """trl reads the weights of the head past an adapter on it."""
    tied = save_model(tmp_path / "tied", tie_word_embeddings=True)
    told = counted(tied, method="trainable_tokens", options={"token_indices": [1]})
    [(key, message)] = told["problems"]
    assert key == "adapter.method" and "adapter.trainable_tokens" in message


def test_a_head_of_scores_is_counted(tiny: Path) -> None:
    assert counted(tiny, "reward", method="vera")["trainable"] == counted(tiny, method="vera")["trainable"] + 64
