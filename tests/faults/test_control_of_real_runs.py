"""Runs do exactly what they are told: pause and resume, a new learning rate, and a queue, with real engines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults import real_runs
from tests.faults.engines import ENVIRONMENT, Engines, adapter_hash, curve, log_tail, records
from tests.faults.processes import of_run, started_with
from tests.runs.harness import engine_identity, events, wait_for
from tuitune.runs import control, identity, launcher
from tuitune.runs.state import derive
from tuitune.runs.summary import summarize

FREED_SECONDS = 10.0


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_pause_frees_the_machine_and_resumes_to_the_identical_curve(engines: Engines) -> None:
    settings = {"training__max_steps": 500, "checkpoints__every": "end", "adapter__dropout": 0.1}
    alone = engines.run(**settings)
    assert engines.live(alone).code == 0, log_tail(alone)

    run = real_runs.launch(engines, **settings)
    real_runs.until(run, lambda: real_runs.step(run) >= 50)
    pids, engine = of_run(run), engine_identity(run)
    nonce, asked = control.request(run, "pause"), time.monotonic()
    wait_for(lambda: not identity.alive(engine), seconds=FREED_SECONDS)
    assert real_runs.rest(run) == "paused"
    assert time.monotonic() - asked < FREED_SECONDS
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert started_with(str(run.path)) == []
    assert (control.outcome(run, nonce) or {})["ok"] is True
    assert 50 <= real_runs.step(run) < 500
    assert not run.adapter.exists()

    launcher.resume(run)
    assert real_runs.rest(run) == "finished", log_tail(run)
    (resumed,) = records(run, "resumed")
    assert resumed["exact"] is True and resumed["step"] == records(run, "checkpoint")[0]["step"]
    assert curve(run) == curve(alone)
    assert adapter_hash(run) == adapter_hash(alone)


def test_a_learning_rate_takes_effect_at_the_next_step_and_is_in_the_record(engines: Engines) -> None:
    run = real_runs.launch(
        engines, training__max_steps=5000, training__schedule="constant", training__warmup_ratio=0.0,
        training__learning_rate=1e-4, checkpoints__every="end",
    )  # fmt: skip
    real_runs.until(run, lambda: real_runs.step(run) >= 20)
    nonce = control.request(run, "tune", {"changes": {"training.learning_rate": 3e-5}})
    done = real_runs.until(run, lambda: control.outcome(run, nonce))
    assert done["ok"] is True, done
    real_runs.until(run, lambda: real_runs.step(run) >= done["step"] + 20)
    control.request(run, "pause")
    assert real_runs.rest(run) == "paused"
    (tuned,) = records(run, "tuned")
    assert (tuned["nonce"], tuned["step"]) == (nonce, done["step"])
    assert tuned["changes"] == {"training.learning_rate": 3e-5}
    rates = {record["step"]: record["learning_rate"] for record in records(run, "step")}
    assert all(rate == pytest.approx(1e-4 if step <= tuned["step"] else 3e-5) for step, rate in rates.items())

    launcher.resume(run)
    paused_at = real_runs.step(run)
    real_runs.until(run, lambda: real_runs.step(run) > paused_at + 5)
    control.request(run, "kill", {"now": True})
    real_runs.rest(run)
    later = [record["learning_rate"] for record in records(run, "step") if record["step"] > paused_at]
    assert later and later == pytest.approx([3e-5] * len(later))


def test_queued_runs_follow_one_another_and_the_edited_one_runs_as_edited(engines: Engines) -> None:
    """No screen is open, and whoever launched them does nothing more."""
    runs = [real_runs.launch(engines, run__name=name) for name in ("first", "second", "third")]
    wait_for(lambda: [derive(run)[0] for run in runs[1:]] == ["queued", "queued"])
    control.request(runs[1], "edit", {"changes": {"training.max_steps": 3, "training.learning_rate": 5e-5}})
    wait_for(lambda: events(runs[1], "amended"))
    assert [real_runs.rest(run) for run in runs] == ["finished"] * 3
    assert [summarize(run).step for run in runs] == [6, 3, 6]
    assert max(record["learning_rate"] for record in records(runs[1], "step")) <= 5e-5
    (amended,) = events(runs[1], "amended")
    assert amended["changes"]["training.max_steps"] == {"from": 6, "to": 3}
    started = [events(run, "engine")[0]["time"] for run in runs]
    ended = [events(run, "exited")[0]["time"] for run in runs]
    assert all(end <= start for end, start in zip(ended, started[1:], strict=False)), (started, ended)
