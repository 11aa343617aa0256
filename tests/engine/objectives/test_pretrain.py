"""Plain text learned whole: long documents in pieces, every token once, and samples that go on with a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.loop.test_resume import amend, cut_off_after
from tests.engine.objectives.support import carried_on, carrying, comes_to_the_same_killed_and_paused, goes_on_exactly
from tests.engine.support import Carry, Outcome, write_rows
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.usage import usage
from tuitune.runs.store.directory import Run, create, read_recipe

LENGTH: dict[str, Any] = {
    "objective__kind": "pretrain", "data__max_length": 32, "training__accumulation": 2,
    "training__learning_rate": 0.01, "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100,
    "evaluation__every": 3, "data__eval": 0.2,
}  # fmt: skip


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{"text": f"The order {number} is late. " * (1 + number % 9)} for number in range(30)]
    return write_rows(tmp_path_factory.mktemp("data") / "texts.jsonl", rows)


@pytest.fixture
def reading(prepared: Callable[..., Run], texts: Path) -> Callable[..., Run]:
    """Makes a run on plain text."""
    return lambda **settings: prepared(**{**LENGTH, "data__train": str(texts), **settings})


@pytest.fixture
def carried_out(reading: Callable[..., Run]) -> Carry:
    return carrying(reading)


@pytest.mark.parametrize("packing", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_long_documents_are_learned_in_pieces(carried_out: Carry, packing: bool) -> None:
    done = carried_out(training__max_steps=12, data__eval="", data__packing=packing, samples__prompts=["The order"])
    assert done.code == 0, done.reason
    plan, steps = done.records("plan")[-1], done.records("step")
    assert plan["train_rows"] == 30 and plan["dropped_rows"] == 0
    (told,) = [one for one in done.records("alert") if one["id"] == "rows-parted"]
    assert "pieces" in told["message"] and not [one for one in done.records("alert") if one["id"] == "rows-cut"]
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert {sample["prompt"] for sample in done.samples} == {"The order"}
    script = usage(done.run, read_recipe(done.run).model_dump(mode="json"))
    assert "apply_chat_template" not in script and "tokenizer('The order'" in script
    expected = check(read_recipe(done.run), base=Path(), gpus=[]).steps
    assert expected is not None and expected.per_epoch == pytest.approx(plan["steps_per_epoch"], rel=0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"training__log_every": 3}, 4, id="between two records"),
        pytest.param({"data__packing": False, "training__workers": 1}, 3, id="padded, with workers"),
        pytest.param({"adapter__method": "none", "training__learning_rate": 1e-3}, 3, id="every weight"),
        pytest.param({"quantization__bits": 4}, 3, id="4 bits"),
    ],
)
def test_a_run_goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried_out, {"training__max_steps": 6, **settings}, step)


@pytest.mark.slow
def test_a_killed_run_and_a_paused_one_come_to_the_same(carried_out: Carry, reading: Callable[..., Run]) -> None:
    whole = carried_out(training__max_steps=6)
    comes_to_the_same_killed_and_paused(whole.run, reading(training__max_steps=6))


@pytest.mark.slow
def test_with_half_the_batch_it_goes_on_with_the_same_pieces(carried_out: Carry) -> None:
    """What a retry does where memory ran out: twice the accumulation."""
    settings = {"adapter__dropout": 0.0, "data__eval": "", "training__max_steps": 6}
    whole = carried_out(**settings, training__batch_size=4, training__accumulation=1)
    cut = cut_off_after(3, whole.run, "cut")
    amend(cut, training__batch_size=2, training__accumulation=2)
    resumed = carried_on(cut)
    (record,) = resumed.records("resumed")
    assert (resumed.code, record["exact"]) == (0, False) and "the same rows" in " ".join(record["reasons"])
    losses = {record["step"]: record["loss"] for record in resumed.records("step")}
    assert whole.losses == pytest.approx([losses[step] for step in sorted(losses)], rel=1e-3)


def test_pieces_hold_every_token_of_a_document_but_its_first(tmp_path: Path) -> None:
    from datasets import Dataset

    from tuitune.engine.tokens.collator import IGNORED, flatten, pad
    from tuitune.engine.tokens.prepare import batched

    documents = [list(range(start, start + length)) for start, length in ((100, 1), (200, 8), (300, 9), (400, 40))]
    rows = Dataset.from_dict({"input_ids": documents, "labels": documents})
    wanted = {"objective.kind": "pretrain", "data.max_length": 8}
    for packing in (True, False):
        recipe = with_values(Recipe(), {**wanted, "data.packing": packing})
        found = batched(rows, recipe, flat=True)
        assert all(len(row["input_ids"]) <= 8 for row in found)
        batch = flatten(list(found)) if packing else pad(list(found), pad_token_id=0)
        learned = sorted(batch["labels"][batch["labels"] != IGNORED].tolist())
        assert learned == sorted(token for document in documents for token in document[1:])


@pytest.mark.slow
def test_the_bundled_prose_teaches_the_bundled_model(home: Path) -> None:
    from tuitune.engine.worker import carry_out

    wanted = {"data.train": "bundled:prose", "objective.kind": "pretrain", "training.max_steps": 20}
    run = create(with_values(Recipe(), wanted))
    done = Outcome(run, carry_out(run.path))
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert tuned["perplexity"] < 0.9 * base["perplexity"]
