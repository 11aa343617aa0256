"""Labelled answers trained from rows to result: what is measured, and that every way through comes to the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.loop.test_resume import amend, cut_off_after
from tests.engine.objectives.support import (
    carried_on,
    carrying,
    comes_to_the_same_killed_and_paused,
    goes_on_exactly,
    metrics,
)
from tests.engine.support import Carry, Outcome, write_rows
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create

LENGTH: dict[str, Any] = {
    "objective__kind": "kto", "data__max_length": 96, "training__max_steps": 6, "training__batch_size": 4,
    "training__learning_rate": 0.01, "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100,
    "evaluation__every": 3, "data__eval": 0.2,
}  # fmt: skip


def answered(number: int) -> dict[str, Any]:
    asked = f"Where is order {number}? " + "please " * (number % 4)
    good = number % 3 > 0
    said = f"Order {number} is late." if good else f"Ask {number} others, not me."
    return {"prompt": asked, "completion": said, "label": good}


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [answered(number) for number in range(41)]
    return write_rows(tmp_path_factory.mktemp("data") / "labelled.jsonl", rows)


@pytest.fixture
def judging(prepared: Callable[..., Run], labelled: Path) -> Callable[..., Run]:
    """Makes a run of labelled answers."""
    return lambda **settings: prepared(**{**LENGTH, "data__train": str(labelled), **settings})


@pytest.fixture
def carried_out(judging: Callable[..., Run]) -> Carry:
    return carrying(judging)


def test_good_answers_become_likelier_than_bad_ones_and_it_says_so(carried_out: Carry) -> None:
    done = carried_out(training__max_steps=16, adapter__dropout=0.0, training__warmup_ratio=0)
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert base["loss"] == pytest.approx(0.5) and base["rewards/margins"] == 0 and base["kl"] == 0
    assert tuned["loss"] < 0.45 and tuned["rewards/margins"] > 0.2
    assert tuned["rewards/margins"] > tuned["rewards/chosen"]
    assert tuned["perplexity"] is None
    last = done.records("step")[-1]
    assert {"kl", "rewards/chosen", "rewards/rejected", "rewards/margins"} <= last.keys()
    card = (done.run.adapter / "README.md").read_text()
    assert "margin" in card and "β 0.1" in card and "erplexity" not in card


def test_each_question_is_held_against_the_answer_to_another(
    carried_out: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuitune.engine.objectives.kto import KtoTrainer

    seen: list[Any] = []
    original = KtoTrainer.compute_loss

    def listening(self: KtoTrainer, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        seen.append({**inputs, "text": self.processing_class.batch_decode(inputs["KL_input_ids"])})
        return original(self, model, inputs, *rest, **named)

    monkeypatch.setattr(KtoTrainer, "compute_loss", listening)
    done = carried_out(training__max_steps=12, data__eval="", evaluation__every="end", checkpoints__every="end")
    assert done.code == 0, done.reason
    for batch in seen:
        asked = [text.partition("order ")[2].partition("?")[0] for text in batch["text"]]
        said = [text.rpartition("rder " if "is late" in text else "Ask ")[2].split(" ")[0] for text in batch["text"]]
        assert len(asked) == 1 or all(one != other for one, other in zip(asked, said, strict=True)), batch["text"]
        assert sorted(asked) == sorted(said)
    first, second = seen[0]["text"], seen[11]["text"]
    assert sorted(first) != sorted(second), "the second epoch has another order"


def test_rows_of_one_kind_have_no_margin_and_it_says_so(
    carried_out: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of them is held against itself, though five rows make a batch of four and one."""
    from tuitune.engine.objectives.kto import KtoTrainer

    batches: list[int] = []
    original = KtoTrainer.measure
    monkeypatch.setattr(KtoTrainer, "measure", lambda *told: (batches.append(told[2]), original(*told))[1])
    bad = write_rows(tmp_path / "bad.jsonl", [answered(3 * number) for number in range(50, 55)])
    done = carried_out(data__eval=str(bad), training__max_steps=2, evaluation__every="end")
    assert done.code == 0, done.reason
    base, tuned = done.records("eval")
    assert not {"rewards/margins", "rewards/chosen"} & {*base, *tuned} and tuned["loss"] != 0.5
    (alert,) = [one for one in done.records("alert") if one["id"].startswith("one-sided")]
    assert alert["level"] == "warning" and "0 of 5 held-out answers are good" in alert["message"]
    assert batches == [5, 5]
    (left,) = [one["message"] for one in done.records("alert") if one["id"] == "left-over"]
    assert "41 rows in batches of 4" in left


@pytest.mark.slow
def test_it_says_how_few_answers_a_margin_hangs_on(carried_out: Carry, tmp_path: Path) -> None:
    """Of training rows that are all good it says that there is nothing to tell apart."""
    good = write_rows(tmp_path / "good.jsonl", [answered(3 * number + 1) for number in range(12)])
    mixed = write_rows(tmp_path / "mixed.jsonl", [answered(number) for number in range(50, 62)])
    done = carried_out(data__train=str(good), data__eval=str(mixed), training__max_steps=2, evaluation__every="end")
    assert done.code == 0, done.reason
    said = {one["id"]: one["message"] for one in done.records("alert") if one["id"].startswith("one-sided")}
    assert "all training answers are good" in said["one-sided"]
    assert "4 of 12 held-out answers are bad" in said["one-sided-held-out"]
    assert "rewards/margins" in done.records("eval")[-1]
    assert "left-over" not in [one["id"] for one in done.records("alert")], "twelve rows are three batches"


def test_weights_weigh_good_and_bad_answers(carried_out: Carry) -> None:
    def base(**weights: Any) -> float:
        loss: float = carried_out(training__max_steps=1, evaluation__every="end", **weights).records("eval")[0]["loss"]
        return loss

    good = base(objective__desirable_weight=2.0) - 0.5
    bad = base(objective__undesirable_weight=2.0) - 0.5
    assert good > 0 and bad > 0 and good + bad == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"training__log_every": 3}, 4, id="between two records", marks=pytest.mark.slow),
        pytest.param(
            {"adapter__method": "none", "training__learning_rate": 1e-3}, 3, id="every weight", marks=pytest.mark.slow
        ),
        pytest.param(
            {"training__gradient_checkpointing": True, "training__workers": 1, "training__accumulation": 2}, 2,
            id="recomputed, with workers", marks=pytest.mark.slow,
        ),
        pytest.param({"quantization__bits": 4}, 3, id="4 bits", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_run_goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried_out, settings, step)


@pytest.mark.slow
def test_a_killed_run_and_a_paused_one_come_to_the_same(carried_out: Carry, judging: Callable[..., Run]) -> None:
    comes_to_the_same_killed_and_paused(carried_out().run, judging())


@pytest.mark.slow
def test_with_half_the_batch_it_goes_on_with_the_same_rows(carried_out: Carry) -> None:
    """What a retry does where memory ran out. Questions meet other answers then, so that the estimate of KL differs."""
    settings = {"adapter__dropout": 0.0, "data__eval": "", "training__batch_size": 4, "training__accumulation": 1}
    whole = carried_out(**settings)
    cut = cut_off_after(3, whole.run, "cut")
    amend(cut, training__batch_size=2, training__accumulation=2)
    resumed = carried_on(cut)
    (record,) = resumed.records("resumed")
    assert (resumed.code, record["exact"]) == (0, False) and "the same rows" in " ".join(record["reasons"])
    assert len(metrics(cut)) == len(metrics(whole.run))


@pytest.mark.slow
def test_the_bundled_feedback_teaches_the_bundled_model(home: Path) -> None:
    from tuitune.engine.worker import carry_out

    wanted = {"data.train": "bundled:feedback", "objective.kind": "kto", "training.max_steps": 40}
    run = create(with_values(Recipe(), wanted))
    done = Outcome(run, carry_out(run.path))
    assert done.code == 0, done.reason
    base, *_, tuned = done.records("eval")
    assert tuned["loss"] < 0.9 * base["loss"] and tuned["rewards/margins"] > 0.4
