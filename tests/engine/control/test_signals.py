"""SIGTERM in every phase of a run: it ends cleanly, says so, and loses at most a step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.live import Engine, Place, fork, hit, opens, says
from tests.engine.support import Outcome
from tuitune.engine.process.stop import ONE_WISH_SECONDS
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run

Prepared = Callable[..., Run]

STEPS = 6


@pytest.fixture
def run(prepared: Prepared) -> Run:
    return prepared(
        data__eval=0.5, training__max_steps=STEPS, evaluation__every=4, checkpoints__every=2, checkpoints__keep=1,
    )  # fmt: skip


def stopped(engine: Engine) -> tuple[dict[str, Any], list[int]]:
    """The end record of an engine that was stopped, and the steps of its checkpoints, which are all whole."""
    outcome = engine.end()
    (end,) = outcome.records("end")
    assert (outcome.code, end["outcome"]) == (3, "stopped"), end
    kept = checkpoints.listing(outcome.run)
    assert [checkpoints.verify(one) for one in kept] == [""] * len(kept)
    assert {path.name for path in outcome.run.checkpoints.glob("*")} == {one.path.name for one in kept}
    assert not list(outcome.run.path.glob(".adapter*"))
    return end, sorted(one.step for one in kept)


@pytest.mark.parametrize(
    "place",
    [says("importing"), opens("config.json"), says("reading"), says("tokenizing training"), says("held-out (base)")],
    ids=["import", "model-load", "reading", "tokenisation", "base-evaluation"],
)
def test_before_training_nothing_is_kept(run: Run, place: Place) -> None:
    end, kept = stopped(fork(run, at=place))
    assert (end["reason"], end["step"]) == ("stopped on request before training began; there is no adapter", 0)
    assert not kept and not run.adapter.exists()


@pytest.mark.parametrize(
    ("place", "least"),
    [
        pytest.param(says("step 3 "), 3, id="step"),
        pytest.param(says("evaluating on", after="step 4 "), 4, id="evaluation", marks=pytest.mark.slow),
        pytest.param(opens("trainer_state.json"), 2, id="save"),
        pytest.param(says("checkpoint step-000002"), 2, id="after-save", marks=pytest.mark.slow),
        pytest.param(
            opens("trainer_state.json", after=f"step {STEPS} "), STEPS, id="last-save", marks=pytest.mark.slow
        ),
        pytest.param(says("saving the adapter"), STEPS, id="final-save", marks=pytest.mark.slow),
        pytest.param(opens(".adapter/"), STEPS, id="in-final-save"),
        pytest.param(says("loading the adapter back"), STEPS, id="check", marks=pytest.mark.slow),
    ],
)
def test_from_the_first_step_on_the_result_is_saved(run: Run, place: Place, least: int) -> None:
    engine = fork(run, at=place)
    end, kept = stopped(engine)
    assert least <= end["step"] <= least + 1 and kept[-1] == end["step"]
    assert end["reason"] == f"stopped on request after step {end['step']}; the adapter is saved"
    assert (run.adapter / "adapter_model.safetensors").is_file() and (run.adapter / "README.md").is_file()
    assert Outcome(run, 3).records("artefact")


def test_a_stop_within_the_very_first_step_keeps_nothing(prepared: Prepared) -> None:
    end, kept = stopped(fork(prepared(training__accumulation=4), at=says("] training")))
    assert end["reason"] == "stopped on request before training began; there is no adapter" and not kept


def test_a_resumed_run_that_is_stopped_at_once_loses_nothing(run: Run) -> None:
    assert stopped(fork(run, at=says("step 3 ")))[0]["step"] == 4
    outcome = fork(run, at=says("loading")).end()
    assert outcome.code == 3 and outcome.records("end")[-1]["step"] == 4
    assert outcome.reason == "stopped on request before training resumed; the checkpoint of step 4 is kept"
    assert fork(run).end().code == 0


def test_a_resumed_run_leaves_within_its_first_step(prepared: Prepared) -> None:
    run = prepared(training__max_steps=STEPS, training__accumulation=4, evaluation__every="end")
    assert stopped(fork(run, at=says("step 3 ")))[0]["step"] == 4
    outcome = fork(run, at=says("] training")).end()
    assert (outcome.code, outcome.records("end")[-1]["step"]) == (3, 4)
    assert outcome.reason == "stopped on request after step 4; the adapter is saved"


def test_a_second_signal_ends_it_where_it_stands(run: Run) -> None:
    def insist() -> None:
        hit()
        time.sleep(ONE_WISH_SECONDS + 0.1)
        hit()

    outcome = fork(run, at=opens("trainer_state.json", after="step 4 "), do=insist).end()
    assert outcome.code == 3 and outcome.records("end")[-1]["outcome"] == "stopped"
    assert outcome.reason == "ended at once on a second request, after step 4; the checkpoint of step 2 is kept"
    assert [one.step for one in checkpoints.listing(run)] == [2] and not run.adapter.exists()
    assert fork(run).end().code == 0


def test_signals_close_together_are_one_wish(run: Run) -> None:
    def thrice() -> None:
        for _ in range(3):
            hit()

    end, _ = stopped(fork(run, at=says("step 3 "), do=thrice))
    assert end["reason"] == "stopped on request after step 4; the adapter is saved"
