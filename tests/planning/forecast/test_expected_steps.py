"""Steps before a run starts: one count, which is the Trainer's and the engine's own."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

from tuitune.data import tasks
from tuitune.data.preparation.assembled import Item
from tuitune.data.preparation.prepare import prepare
from tuitune.data.preparation.split import split
from tuitune.data.task_report import TaskReport
from tuitune.engine.jobs import token_report
from tuitune.engine.load.tokenizer import choose_template, load_tokenizer
from tuitune.engine.tokens.prepare import arrange
from tuitune.engine.tokens.tokenize import tokenize
from tuitune.hardware.models import locate
from tuitune.planning import data_plan
from tuitune.planning.forecast.expected_steps import Steps, expected_steps
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import held_out_rows, steps_per_epoch, total_steps, training_rows


def recipe(**values: Any) -> Recipe:
    base = {"training__batch_size": 4, "training__accumulation": 4, "training__epochs": 3.0}
    return with_values(Recipe(), {key.replace("__", "."): value for key, value in {**base, **values}.items()})


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 16, 17, 100, 1601])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"training__batch_size": 1, "training__accumulation": 1},
        {"training__batch_size": 3, "training__accumulation": 5},
        {"training__batch_size": 64, "training__accumulation": 8},
        {"training__epochs": 0.3},
        {"training__epochs": 2.51},
        {"training__max_steps": 7},
    ],
    ids=str,
)
def test_steps_are_counted_as_the_trainer_counts(rows: int, values: dict[str, Any]) -> None:
    tried = recipe(**values)
    training = tried.training
    arguments: Any = types.SimpleNamespace(
        num_train_epochs=training.epochs,
        max_steps=training.max_steps or -1,
        gradient_accumulation_steps=training.accumulation,
    )
    trainer: Any = types.SimpleNamespace(
        get_total_train_batch_size=lambda args: 0, get_sp_size=lambda: 1, num_examples=lambda loader: rows
    )
    batches = range(-(-rows // training.batch_size))
    _, per_epoch, *_, steps = Trainer.set_initial_training_values(trainer, arguments, batches)
    assert steps_per_epoch(rows, tried) == per_epoch
    assert total_steps(per_epoch, training) == steps


@pytest.mark.parametrize("count", [2, 3, 9, 10, 29, 30, 31, 200])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.15, 0.5, 0.99])
def test_held_out_rows_are_those_that_the_split_draws(count: int, share: float) -> None:
    items = [Item("rows", number, None, None, f"{number:04}", {"text": f"row {number}"}) for number in range(count)]
    drawn = split(items, share, 0, 0.8, lambda *said: None, distinct=True)
    assert held_out_rows(count, share) == len(drawn.held_out)


def test_rows_that_are_trained_on() -> None:
    assert training_rows(1600, recipe().data) == 1520
    assert training_rows(1600, recipe(data__limit=100).data) == 95
    assert training_rows(1, recipe().data) == 1
    assert training_rows(900, recipe(data__eval=None, data__mix={"a": 0.05, "b": 0.05}).data) == 1000
    assert training_rows(1600, recipe(data__eval="bundled:triage/heldout").data) == 1600


def test_what_is_not_known_is_said() -> None:
    loose, packed = recipe(data__packing=False, data__eval=None), recipe(data__max_length=512)
    assert expected_steps(loose, 100) == Steps(21, 7)
    assert expected_steps(recipe(data__packing=False), 100) == Steps(18, 6, "about")
    assert expected_steps(packed, 100) == Steps(18, 6, "up to")
    assert expected_steps(packed, 100, tokens=[64]) == Steps(3, 1, "about")
    assert expected_steps(packed, 100, packed=40, tokens=[64]) == Steps(9, 3)
    assert expected_steps(packed, None) is None
    assert expected_steps(recipe(data__packing=False, cleaning__duplicates=True), 100) == Steps(18, 6, "about")
    assert expected_steps(recipe(training__max_steps=7), None) == Steps(7, None)
    assert [Steps(1, 1).phrase, Steps(1200, 1, "about").phrase] == ["1 step", "about 1,200 steps"]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 57 rows of different lengths, and a data home of its own."""
    monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / "home"))
    rows = [{"prompt": f"Say {number}. " + "Please. " * (number % 7), "completion": "Yes."} for number in range(57)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def of(folder: Path, **values: Any) -> Recipe:
    named = {"model__id": "bundled:nano", "data__train": str(folder / "rows.jsonl"), "data__max_length": 128}
    return recipe(**{**named, **values})


def as_done(recipe: Recipe, base: Path, result: dict[str, Any]) -> None:
    """The result of the task that tokenizes, as its process would leave it."""
    wanted, stamps = data_plan._asked("tokens", recipe, base)
    folder = tasks._folder("tokens", wanted, stamps)
    folder.mkdir(parents=True)
    (folder / "wanted.json").write_text(json.dumps(wanted))
    TaskReport(folder).done(result)


@pytest.mark.parametrize(
    "values",
    [
        {"data__packing": False},
        {"data__packing": False, "data__eval": None, "data__limit": 33, "training__batch_size": 5},
        {"data__packing": False, "data__eval": 0.2, "training__accumulation": 3, "training__epochs": 1.7},
        {},
        {"data__eval": 0.3, "training__batch_size": 1, "training__accumulation": 1},
        {"data__limit": 20, "training__max_steps": 11},
    ],
    ids=str,
)
def test_the_forecast_is_what_the_engine_counts(values: dict[str, Any], written: Path) -> None:
    tried = of(written, **values)
    template = choose_template(tried, load_tokenizer(tried.model, locate("bundled:nano")))
    tokens = tokenize(tried, template, {0}, lambda *said: None, base=written)
    rows = len(arrange(tokens, tried, flat=True).train)
    engine = total_steps(steps_per_epoch(rows, tried), tried.training)

    before = check(tried, base=written).steps
    assert before is not None
    if before.sure != "exactly":
        assert before.sure == "about" and (tried.data.packing or tried.data.eval)
        assert before.count == pytest.approx(engine, rel=0.5, abs=2)
        asked: Any = types.SimpleNamespace(
            wanted={"recipe": tried.model_dump(mode="json"), "base": str(written)}, progress=lambda *said: None
        )
        as_done(tried, written, token_report.run(asked))
    after = check(tried, base=written).steps
    assert after is not None
    assert (after.count, after.sure) == (engine, "exactly")


def test_rows_that_are_alike_are_held_out_together(tmp_path: Path) -> None:
    """So the number of held-out rows, and with it the steps, is known only once they are drawn."""
    alike = [{"prompt": f"Sort these words by length: {word}", "completion": "1"} for word in ("a", "b", "c")] * 12
    rows = alike + [{"prompt": f"What is {number} times {number * 7}?", "completion": "2"} for number in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tried = of(tmp_path, data__packing=False, data__eval=0.25, training__batch_size=1, training__accumulation=1)
    before = check(tried, base=tmp_path)
    drawn = prepare(tried, base=tmp_path)
    assert before.rows is not None and len(drawn.train) > before.rows
    assert before.steps is not None and before.steps.sure == "about"


def test_tokens_that_were_counted_serve_until_the_data_changes(written: Path) -> None:
    tried = of(written)
    as_done(tried, written, {"packed_rows": 40, "kept": 60, "held_out_kept": 0, "errors": [], "warnings": []})
    for values in ({}, {"training__learning_rate": 1e-3}, {"training__batch_size": 2, "training__accumulation": 2}):
        found = check(of(written, **values), base=written).steps
        assert found is not None and found.sure == "exactly"
        assert found.per_epoch == -(-40 // found_batch(values))
    (written / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 30)
    assert data_plan.known_tokens(tried, written) is None


def found_batch(values: dict[str, Any]) -> int:
    training = recipe(**values).training
    return training.batch_size * training.accumulation
