"""Runs do exactly what they are told, with nothing in the place of the engine: pause, resume, a new learning rate."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.tools import real_runs
from tests.faults.tools.engines import ENVIRONMENT, Engines, adapter_hash, curve, log_tail, records
from tests.faults.tools.processes import of_run, started_with
from tests.runs.harness import engine_identity, wait_for
from tuitune.runs import launcher
from tuitune.runs.control import spool
from tuitune.runs.store import identity

FREED_SECONDS = 10.0


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.slow
def test_a_pause_frees_the_machine_and_resumes_to_the_identical_curve(engines: Engines) -> None:
    settings = {"training__max_steps": 150, "checkpoints__every": "end", "adapter__dropout": 0.1}
    alone = engines.run(**settings)
    assert engines.live(alone).code == 0, log_tail(alone)

    run = real_runs.launch(engines, **settings)
    real_runs.until(run, lambda: real_runs.step(run) >= 20)
    pids, engine = of_run(run), engine_identity(run)
    nonce, asked = spool.request(run, "pause"), time.monotonic()
    wait_for(lambda: not identity.alive(engine), seconds=FREED_SECONDS)
    assert real_runs.rest(run) == "paused"
    assert time.monotonic() - asked < FREED_SECONDS
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), seconds=FREED_SECONDS)
    assert started_with(str(run.path)) == []
    answer = spool.outcome(run, nonce)
    assert answer and answer.ok is True
    assert 20 <= real_runs.step(run) < 150
    assert not run.adapter.exists()

    launcher.resume(run)
    assert real_runs.rest(run) == "finished", log_tail(run)
    (resumed,) = records(run, "resumed")
    assert resumed["exact"] is True and resumed["step"] == records(run, "checkpoint")[0]["step"]
    assert curve(run) == curve(alone)
    assert adapter_hash(run) == adapter_hash(alone)


@pytest.mark.slow
def test_a_learning_rate_takes_effect_at_the_next_step_and_is_in_the_record(engines: Engines) -> None:
    run = real_runs.launch(
        engines, training__max_steps=5000, training__schedule="constant", training__warmup_ratio=0.0,
        training__learning_rate=1e-4, checkpoints__every="end",
    )  # fmt: skip
    real_runs.until(run, lambda: real_runs.step(run) >= 20)
    nonce = spool.request(run, "tune", {"changes": {"training.learning_rate": 3e-5}})
    done = real_runs.until(run, lambda: spool.outcome(run, nonce))
    assert done and done.ok is True, done
    real_runs.until(run, lambda: real_runs.step(run) >= done.step + 20)
    spool.request(run, "pause")
    assert real_runs.rest(run) == "paused"
    (tuned,) = records(run, "tuned")
    assert (tuned["nonce"], tuned["step"]) == (nonce, done.step)
    assert tuned["changes"] == {"training.learning_rate": 3e-5}
    rates = {record["step"]: record["learning_rate"] for record in records(run, "step")}
    assert all(rate == pytest.approx(1e-4 if step <= tuned["step"] else 3e-5) for step, rate in rates.items())

    launcher.resume(run)
    paused_at = real_runs.step(run)
    real_runs.until(run, lambda: real_runs.step(run) > paused_at + 5)
    spool.request(run, "kill", {"now": True})
    real_runs.rest(run)
    later = [record["learning_rate"] for record in records(run, "step") if record["step"] > paused_at]
    assert later and later == pytest.approx([3e-5] * len(later))
