"""Before the first step: every method gives its base back as it was, and says where the model is no longer that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.methods.small import WORKING, small
from tests.engine.support import Carry, Outcome, make_model, make_tokenizer, write_rows
from tuitune.engine.load.model import Base
from tuitune.engine.methods import adapt
from tuitune.engine.methods.tuner import config_class, options
from tuitune.methods import METHODS, TUNERS
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.journal import read_all

IDS = torch.arange(32)[None]
DRAWN = [
    (name, value)
    for name in TUNERS
    if name in WORKING
    for one in options(config_class(name))
    if one.name == "init_weights"
    for value in (True, False, *(choice for choice in one.choices if isinstance(choice, str)))
    if value != one.default and (name, value) != ("tinylora", False)  # which gives no finite numbers
]
QUICK = [("prompt", None), ("prefix", None), ("fourierft", None), ("fourierft", True), ("road", False)]
EVERY = [*((name, None) for name in WORKING if name != "none"), *DRAWN]


def slow(pairs: list[tuple[str, Any]]) -> list[Any]:
    return [*QUICK, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in pairs if pair not in QUICK)]


@pytest.mark.parametrize(("name", "init"), slow(EVERY))
def test_a_method_gives_its_base_back_and_says_where_it_does_not_begin_with_it(name: str, init: Any) -> None:
    settings = small(name)
    if init is not None:
        settings["options"] = {**settings["options"], "init_weights": init}
    recipe = Recipe.model_validate({"adapter": settings})
    model = make_model().eval()
    before, answered = logits(model), answer(model)
    template: Any = type("Template", (), {"tokenizer": make_tokenizer()})
    adapted = adapt(Base(model, template, Path(), None, "sdpa", False), recipe, 4)
    adapted.model.eval()
    trained = {name for name, weight in adapted.model.named_parameters() if weight.requires_grad}
    random = torch.get_rng_state()
    with adapted.as_base():
        with adapted.model.disable_adapter():  # as the reference of an objective that compares
            pass
        assert adapted.leading == 0
        assert torch.equal(logits(adapted.model), before)
        assert torch.equal(answer(adapted.model), answered)
    assert torch.equal(torch.get_rng_state(), random)
    assert {name for name, weight in adapted.model.named_parameters() if weight.requires_grad} == trained
    apart = (logits(adapted.model)[:, -32:] - before).abs().max() > 1e-5
    assert apart == bool(METHODS[name].starts(recipe.adapter))


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(input_ids=IDS).logits
    return found


def answer(model: Any) -> Tensor:
    found: Tensor = model.generate(
        input_ids=IDS, attention_mask=torch.ones_like(IDS), do_sample=False, max_new_tokens=5
    )
    return found


def test_what_is_recorded_of_the_base_is_the_base_s(carried: Carry, tmp_path: Path) -> None:
    """Whatever stands before its rows: the loss, answers and samples of the base are those that plain LoRA tells."""
    given = {"samples__prompts": ["Where is order 3?"], "samples__temperature": 0.7, "samples__max_new_tokens": 8}
    more = {**given, "data__eval": 0.2, "data__packing": False, "evaluation__answers": 4}
    outcomes = [
        carried(**more, **{f"adapter__{key}": value for key, value in small(name).items()})
        for name in ("lora", "prompt")
    ]
    assert [outcome.code for outcome in outcomes] == [0, 0]
    plain, prompted = map(of_the_base, outcomes)
    assert prompted == plain


def of_the_base(outcome: Outcome) -> list[Any]:
    (loss,) = [record["loss"] for record in outcome.records("eval") if record["label"] == "base"]
    (answers,) = [record["exact"] for record in outcome.records("answers") if record["label"] == "base"]
    samples = [one["answer"] for one in read_all(outcome.run.samples_file) if one.get("label") == "base"]
    assert len(samples) == 1
    return [round(loss, 5), answers, samples]


def test_a_base_that_scores_is_measured_too(carried: Carry, tmp_path: Path) -> None:
    pairs = [{"prompt": f"Where is order {n}?", "chosen": f"Order {n} is late.", "rejected": "No."} for n in range(20)]
    given = {"objective__kind": "reward", "data__train": str(write_rows(tmp_path / "pairs.jsonl", pairs))}
    losses = []
    for name in ("lora", "prefix"):
        settings = {f"adapter__{key}": value for key, value in small(name).items()}
        outcome = carried(**given, data__eval=0.2, data__packing=False, **settings)
        assert outcome.code == 0, outcome.reason
        losses.append([record["loss"] for record in outcome.records("eval")])
    (plain, _), (base, tuned) = losses
    assert base == pytest.approx(plain, abs=1e-5) and tuned != base


def test_a_reference_prefers_nothing_whatever_the_method_begins_with(carried: Carry, tmp_path: Path) -> None:
    pairs = [{"prompt": f"Where is order {n}?", "chosen": f"Order {n} is late.", "rejected": "No."} for n in range(20)]
    rows = write_rows(tmp_path / "pairs.jsonl", pairs)
    settings = {f"adapter__{key}": value for key, value in small("prompt").items()}
    outcome = carried(objective__kind="dpo", data__train=str(rows), data__eval=0.2, data__packing=False, **settings)
    assert outcome.code == 0, outcome.reason
    base, tuned = outcome.records("eval")
    assert base["loss"] == pytest.approx(math.log(2), abs=1e-6) and base["rewards/margins"] == 0
    assert "rewards/accuracies" not in base and abs(tuned["rewards/margins"]) > 1e-4


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"adapter.method": "fourierft"}, {"init_weights": True}),
        ({"adapter.method": "vera", "adapter.options": {"r": 8, "init_weights": False}}, {"r": 8}),
        ({"adapter.method": "prompt"}, None),
        ({"adapter.init": "loftq", "quantization.bits": 4}, None),
    ],
)
def test_it_is_advised_where_a_run_does_not_begin_with_its_base(
    tiny: Path, settings: dict[str, Any], fix: dict[str, Any] | None
) -> None:
    def said(objective: str, **more: Any) -> list[Any]:
        recipe = with_values(Recipe(), {"model.id": str(tiny), "objective.kind": objective, **settings, **more})
        return [one for one in check(recipe, base=Path(), gpus=[]).advice if one.id == "begins-apart"]

    (advice,), (compared,) = said("sft"), said("dpo")
    assert (advice.level, advice.fix) == ("info", fix and {"adapter.options": fix})
    assert "reference" in compared.message and "reference" not in advice.message
    assert fix is None or said("dpo", **{"adapter.options": fix}) == []
