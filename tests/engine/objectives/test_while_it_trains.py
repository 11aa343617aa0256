"""What is asked of a run while it trains is the same for every objective: a rate, an evaluation, a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.live import fork
from tests.engine.support import wait_for, write_rows
from tuitune.runs.store.directory import Run

GOOD, BAD = "Order {} is late.", "Ask {} others, not me."


def row(kind: str, number: int) -> dict[str, Any]:
    asked, good, bad = f"Where is order {number}?", GOOD.format(number), BAD.format(number)
    if kind == "pretrain":
        return {"text": f"{good} " * (1 + number % 9)}
    if kind == "kto":
        return {"prompt": asked, "completion": good if number % 2 else bad, "label": bool(number % 2)}
    return {"prompt": asked, "chosen": good, "rejected": bad}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pretrain", "dpo", "kto", "orpo", "simpo", "reward"])
def test_a_run_is_tuned_evaluated_and_stopped(prepared: Callable[..., Run], tmp_path: Path, kind: str) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [row(kind, number) for number in range(40)])
    run = prepared(
        objective__kind=kind, data__train=str(rows), data__eval=0.2, training__max_steps=5000,
        training__learning_rate=0.01, training__schedule="constant", training__warmup_ratio=0.0,
    )  # fmt: skip
    engine = fork(run)
    wait_for(run, lambda record: record["kind"] == "step" and record["step"] >= 2)
    answers = [engine.answer(engine.ask("tune", changes={"training.learning_rate": 1e-3}))]
    answers += [engine.answer(engine.ask("evaluate"))]
    wait_for(run, lambda record: record["kind"] == "step" and record["step"] > answers[1]["step"])
    engine.ask("stop")
    outcome = engine.end()
    end = outcome.records("end")[-1]
    assert outcome.code == 3 and end["reason"].endswith("; the adapter is saved") and end["step"] < 5000
    assert all(answer["ok"] for answer in answers)
    assert outcome.records("step")[-1]["learning_rate"] == pytest.approx(1e-3)
    base, measured = outcome.records("eval")[:2]
    assert measured["step"] == answers[1]["step"] and measured["loss"] != base["loss"]
    assert (run.adapter / "README.md").exists()
