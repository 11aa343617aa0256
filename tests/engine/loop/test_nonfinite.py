"""A loss that is no number: an event at its step, a gap and no zero in the record, and weights from before it kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import Carry, Outcome, conversation, save_model, write_rows
from tuitune.engine.load.weights_check import Leftovers
from tuitune.runs.store import checkpoints

POISON = "~"


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows no number for one letter, which turns the loss of any row with it into NaN."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    folder = save_model(tmp_path_factory.mktemp("poisoned"), tie_word_embeddings=False)
    weights = load_file(folder / "model.safetensors")
    (token,) = AutoTokenizer.from_pretrained(folder)(POISON)["input_ids"]
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def poisoned_at(
    carried: Carry, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Carries out a run of eight steps, one row each in order, whose loss is NaN at the given step.

    Weights that are not finite are refused when they are loaded; here they stand for what training can come to.
    """
    monkeypatch.setattr("tuitune.engine.load.model.hold", lambda *_: Leftovers([], []))

    def run(step: int, **settings: Any) -> Outcome:
        rows = [conversation(number) for number in range(8)]
        rows[step - 1]["messages"][0]["content"] += POISON
        data = write_rows(tmp_path / "rows.jsonl", rows)
        values = {
            "model__id": str(poisoned), "data__train": str(data), "data__eval": "", "data__shuffle": False,
            "data__packing": False, "training__batch_size": 1, "training__max_steps": 8, "checkpoints__every": 2,
            "checkpoints__keep": 1, **settings,
        }  # fmt: skip
        return carried(**values)

    return run


def losses(outcome: Outcome) -> dict[int, float | None]:
    return {record["step"]: record["loss"] for record in outcome.records("step")}


def not_finite(outcome: Outcome) -> list[tuple[int, str]]:
    found = [record for record in outcome.records("alert") if record["id"] == "not-finite"]
    return [(record["step"], record["level"]) for record in found]


def test_a_nan_in_the_first_step_ends_the_run_there(poisoned_at: Callable[..., Outcome]) -> None:
    outcome = poisoned_at(1)
    (end,) = outcome.records("end")
    assert (outcome.code, end["outcome"], end["cause"], end["step"]) == (1, "failed", "not-finite", 1)
    assert "the loss was not a finite number at step 1" in end["reason"] and "start again" in end["reason"]
    assert losses(outcome) == {1: None} and not_finite(outcome) == [(1, "error")]
    assert "loss" in outcome.records("step")[0]["nonfinite"]
    assert not checkpoints.listing(outcome.run) and not outcome.run.adapter.exists()


def test_a_nan_later_leaves_the_last_healthy_checkpoint(poisoned_at: Callable[..., Outcome]) -> None:
    outcome = poisoned_at(6)
    assert (outcome.code, not_finite(outcome)) == (1, [(6, "error")])
    assert losses(outcome)[6] is None and all(losses(outcome)[step] for step in range(1, 6))
    assert "resume from the checkpoint of step 4" in str(outcome.reason)
    newest, skipped = checkpoints.newest(outcome.run)
    assert newest is not None and (newest.step, newest.healthy, skipped) == (4, True, [])
    assert [one.step for one in checkpoints.listing(outcome.run)] == [4]


def test_a_nan_between_two_records_is_noticed_before_a_save(poisoned_at: Callable[..., Outcome]) -> None:
    outcome = poisoned_at(5, training__log_every=100)
    assert (outcome.code, not_finite(outcome)) == (1, [(6, "error")])
    assert "the loss was not a finite number in the 6 steps to 6" in str(outcome.reason)
    assert losses(outcome) == {6: None}
    assert [one.step for one in checkpoints.listing(outcome.run)] == [4]


def test_with_a_warning_the_run_goes_on(poisoned_at: Callable[..., Outcome]) -> None:
    outcome = poisoned_at(5, limits__nonfinite="warn")
    assert not_finite(outcome) == [(5, "warning")] and outcome.records("end")[-1]["step"] == 8
    assert [step for step, loss in losses(outcome).items() if loss is None] == [5, 6, 7, 8]
    saved = {record["step"]: record["healthy"] for record in outcome.records("checkpoint")}
    assert saved == {2: True, 4: True, 6: False, 8: False}
    assert [record["id"] for record in outcome.records("alert")].count("unhealthy-checkpoint") == 1
    newest, _ = checkpoints.newest(outcome.run)
    assert newest is not None and newest.step == 4
    assert (outcome.code, outcome.records("end")[-1]["cause"]) == (1, "not-finite")
    assert "no result" in str(outcome.reason) and not outcome.run.adapter.exists()
    text = outcome.run.metrics_file.read_text()
    assert "NaN" not in text and "Infinity" not in text and '"loss":0.0' not in text
