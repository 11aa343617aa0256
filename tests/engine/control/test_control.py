"""What a run is asked while it trains: done at the next step, recorded, answered once, and repeated by a resume."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import get_scheduler

from tests.engine.live import Engine, fork, hit, says
from tests.engine.support import Carry, Outcome, wait_for
from tuitune.engine.control.tuning import set_peak
from tuitune.recipe import document
from tuitune.recipe.overrides import with_values
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter, Record, read_all

Prepared = Callable[..., Run]

RATE = "training.learning_rate"
PEAK = 2e-4


def factor(step: int, total: int) -> float:
    """The cosine schedule without warm-up, as a share of the peak, in optimizer step `step` of `total`."""
    return 0.5 * (1 + math.cos(math.pi * (step - 1) / total))


def in_force(run: Run) -> list[Record]:
    """The training records that count: a resumed life takes the place of what came after its beginning."""
    found: dict[int, Record] = {}
    for record in read_all(run.metrics_file):
        if record["kind"] == "resumed":
            found = {step: kept for step, kept in found.items() if step <= record["step"]}
        elif record["kind"] == "step":
            found[record["step"]] = record
    return list(found.values())


def curve(run: Run) -> list[tuple[Any, ...]]:
    names = ("step", "loss", "learning_rate", "grad_norm", "tokens", "epoch")
    return [tuple(record[name] for name in names) for record in in_force(run)]


@pytest.fixture
def long(prepared: Prepared) -> Run:
    """A run that only ends when it is told to."""
    return prepared(
        training__max_steps=100_000, training__warmup_ratio=0.0, evaluation__every="end", evaluation__perplexity=False,
        samples__max_new_tokens=4,
    )  # fmt: skip


def test_an_engine_does_what_it_is_told_and_says_what_it_cannot(long: Run) -> None:
    engine = fork(long)
    wait_for(long, lambda record: record["kind"] == "step" and record["step"] >= 2)
    engine.write(b'\n\xff\xfe nonsense\n{"nonce": 5}\n[]\n{"nonce": "half')
    engine.write(b'way"}\n')

    rate = engine.ask("tune", changes={RATE: 1e-3})
    tuned = wait_for(long, lambda record: record["kind"] == "tuned")
    assert (tuned["nonce"], tuned["changes"]) == (rate, {RATE: 1e-3})
    changed = tuned["step"]
    done = engine.answer(rate)
    assert (done["ok"], done["verb"], done["step"]) == (True, "tune", changed)
    assert done["message"] == f"in effect from step {changed + 1} on: {RATE}"

    wait_for(long, lambda record: record["kind"] == "step" and record["step"] >= changed + 2)
    for step in in_force(long)[: changed + 2]:
        peak = PEAK if step["step"] <= changed else 1e-3
        assert step["learning_rate"] == pytest.approx(peak * factor(step["step"], 100_000), rel=1e-12)

    assert carries_out_several_at_once(engine)
    assert refuses_what_is_wrong(engine)
    prompts = engine.ask("tune", changes={"samples.prompts": ["One?", "Two?"], "samples.every": 2})
    assert engine.answer(prompts)["ok"]
    wait_for(long, lambda record: record["kind"] == "step" and record["step"] >= engine.answer(prompts)["step"] + 3)
    assert [sample["prompt"] for sample in read_all(long.samples_file)][-2:] == ["One?", "Two?"]

    pause = engine.ask("pause")
    asked = time.monotonic()
    engine.signal()
    outcome = engine.end()
    assert time.monotonic() - asked < 10
    assert_paused(outcome, pause)


def carries_out_several_at_once(engine: Engine) -> bool:
    run = engine.run
    named: dict[str, dict[str, Any]] = {
        "sample": {"prompt": "Where is order 7?"}, "evaluate": {}, "checkpoint": {}, "tune": {"changes": {RATE: 5e-4}},
    }  # fmt: skip
    nonces = {verb: engine.ask(verb, **arguments) for verb, arguments in named.items()}
    answers = {verb: engine.answer(nonce) for verb, nonce in nonces.items()}
    assert all(answer["ok"] and answer["verb"] == verb for verb, answer in answers.items()), answers
    (sample,) = read_all(run.samples_file)
    assert (sample["prompt"], sample["nonce"], sample["label"]) == ("Where is order 7?", nonces["sample"], "during")
    records = read_all(run.metrics_file)
    (evaluation,) = [record for record in records if record["kind"] == "eval"]
    assert (evaluation["step"], evaluation["label"]) == (answers["evaluate"]["step"], "during")
    (checkpoint,) = [record for record in records if record["kind"] == "checkpoint"]
    assert checkpoint["step"] == answers["checkpoint"]["step"] and checkpoint["healthy"] and checkpoint["seconds"] > 0
    assert checkpoint["seq"] < answers["checkpoint"]["seq"]
    (kept,) = checkpoints.listing(run)
    assert kept.step == checkpoint["step"] and checkpoints.verify(kept) == ""
    return True


def refuses_what_is_wrong(engine: Engine) -> bool:
    before = read_all(engine.run.metrics_file)
    for verb, arguments, words in (
        ("sample", {}, "the recipe has no prompts"),
        ("sample", {"prompt": " "}, "the prompt is empty"),
        ("sample", {"prompt": "far too long " * 200}, "the model takes 512 together"),
        ("sample", {"prompt": 5}, "of a wrong type"),
        ("tune", {"changes": {"adapter.rank": 8}}, "adapter.rank: cannot be changed while a run trains"),
        ("tune", {"changes": {RATE: -1}}, f"{RATE}: expected a number above 0"),
        ("tune", {"changes": {"samples.prompts": ["words " * 600]}}, "the model takes 512 together"),
        ("tune", {}, "tune needs changes"),
        ("kill", {"now": True}, "not for the engine"),
        ("dance", {}, "unknown: 'dance'"),
    ):
        done = engine.answer(engine.ask(verb, **arguments))
        assert done["ok"] is False and words in done["message"], done
    fresh = read_all(engine.run.metrics_file)[len(before) :]
    return not any(record["kind"] in ("tuned", "alert") for record in fresh)


def assert_paused(outcome: Outcome, nonce: str) -> None:
    """It left with a checkpoint of its last step, and without a result."""
    end = outcome.records("end")[-1]
    assert (outcome.code, end["outcome"], end["cause"]) == (4, "paused", None), outcome.reason
    assert end["reason"] == f"paused after step {end['step']}; its checkpoint is kept"
    newest, skipped = checkpoints.newest(outcome.run)
    assert newest is not None and newest.step == end["step"] and not skipped
    done = [record for record in outcome.records("done") if record["nonce"] == nonce]
    assert [(record["ok"], record["verb"]) for record in done] == [(True, "pause")]
    assert not outcome.run.adapter.exists()


def test_a_pause_needs_no_signal_and_resumes_to_the_identical_curve(prepared: Prepared, carried: Carry) -> None:
    settings = {"training__max_steps": 12, "training__log_every": 5, "adapter__dropout": 0.2, "evaluation__every": 4}
    whole = carried(**settings)
    run = prepared(**settings)
    engine = fork(run, told=[("pause", {})])
    assert_paused(engine.end(), engine.asked[0])
    (kept,) = checkpoints.listing(run)
    since = (kept.manifest or {})["progress"]["window"]
    assert since["steps"] == 1 and 0 < since["waited"] < since["seconds"] and since["new_tokens"] == since["tokens"] > 0
    assert fork(run, at=says("step 5 "), do=lambda: hit(signal.SIGTERM)).end().code == 3
    assert fork(run).end().code == 0
    assert curve(run) == curve(whole.run) and [record[0] for record in curve(run)] == [5, 10, 12]
    evaluations = [(record["step"], record["loss"]) for record in Outcome(run, 0).records("eval")]
    assert evaluations == [(record["step"], record["loss"]) for record in whole.records("eval")]


def test_a_tune_is_repeated_exactly_by_a_resume(prepared: Prepared) -> None:
    settings = {"training__max_steps": 8, "checkpoints__every": 3, "evaluation__every": "end"}
    tune = ("tune", {"changes": {RATE: 3e-3, "training.log_every": 1}})
    whole, halted, lost = (prepared(**settings) for _ in range(3))
    assert fork(whole, told=[tune]).end().code == 0
    assert [record["learning_rate"] for record in in_force(whole)][:2] == pytest.approx([0.0, 3e-3])

    assert fork(halted, told=[tune], at=says("step 4 ")).end().code == 3
    assert fork(halted).end().code == 0
    assert curve(halted) == curve(whole)
    assert [record["step"] for record in Outcome(halted, 0).records("tuned")] == [1]

    assert fork(lost, told=[tune], at=says("step 2 "), do=lambda: hit(signal.SIGKILL)).end().code == -signal.SIGKILL
    assert fork(lost).end().code == 0
    assert curve(lost) == curve(whole)
    tuned = Outcome(lost, 0).records("tuned")
    assert [(record["step"], record["nonce"]) for record in tuned] == [(1, "tune-0")] * 2
    assert adapter(halted) == adapter(whole) == adapter(lost)


def test_a_rate_amended_between_two_lives_takes_the_place_of_a_tuned_one(prepared: Prepared) -> None:
    run = prepared(training__max_steps=6, training__warmup_ratio=0.0)
    engine = fork(run, told=[("tune", {"changes": {RATE: 3e-3, "training.log_every": 2}}), ("pause", {})])
    assert engine.end().code == 4
    amend(run, {RATE: 1e-3})
    with JournalWriter(run.events_file) as events:
        events.append(event="amended", changes={RATE: {"from": PEAK, "to": 1e-3}}, why="resume")
    assert fork(run).end().code == 0
    rates = {record["step"]: record["learning_rate"] for record in in_force(run)}
    assert rates == pytest.approx({1: PEAK} | {step: 1e-3 * factor(step, 6) for step in (2, 4, 6)}, rel=1e-12)


def test_a_tune_that_the_amended_recipe_does_not_take_is_left_out(prepared: Prepared) -> None:
    run = prepared(training__max_steps=3, evaluation__every=1)
    engine = fork(run, told=[("tune", {"changes": {"evaluation.patience": 9}}), ("pause", {})])
    assert engine.end().code == 4
    amend(run, {"evaluation.every": "end"})
    outcome = fork(run).end()
    (alert,) = [record for record in outcome.records("alert") if record["id"] == "tune-dropped"]
    assert outcome.code == 0 and alert["level"] == "warning" and "evaluation.patience" in alert["message"]


def amend(run: Run, values: dict[str, Any]) -> None:
    document.write_text(
        run.recipe_file, document.render(with_values(document.read(run.recipe_file), values), full=True)
    )


def adapter(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


SCHEDULES = ["cosine", "linear", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_new_rate_goes_through_every_schedule(schedule: str) -> None:
    def rates(change: int | None, peak: float) -> list[float]:
        optimizer = torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)], lr=PEAK)
        scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=3, num_training_steps=9)
        found = []
        for step in range(9):
            if step == change:
                set_peak(optimizer, scheduler, peak)
            assert {group["lr"] for group in optimizer.param_groups} == set(scheduler.get_last_lr())
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return found

    plain = rates(None, PEAK)
    assert all(rates(step, PEAK) == plain for step in range(9))
    for step in range(9):
        wanted = [rate * (10 if place >= step else 1) for place, rate in enumerate(plain)]
        assert rates(step, 10 * PEAK) == pytest.approx(wanted, rel=1e-12)


def test_a_new_rate_scales_a_schedule_that_is_no_function_of_the_step() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    set_peak(optimizer, scheduler, 1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.125)


def test_requests_that_come_too_late_are_answered(prepared: Prepared) -> None:
    run = prepared(training__max_steps=1)
    engine = fork(run, told=[("stop", {}), ("evaluate", {}), ("sample", {"prompt": "Where?"}), ("checkpoint", {})])
    outcome = engine.end()
    done = {record["verb"]: (record["ok"], record["message"]) for record in outcome.records("done")}
    assert outcome.code == 3 and len(outcome.records("done")) == 4
    assert done["stop"] == (True, "stopped on request after step 1; the adapter is saved")
    assert done["checkpoint"] == (True, "the checkpoint of step 1 is on disk")
    assert done["evaluate"][0] is done["sample"][0] is False and "the run is ending" in done["sample"][1]


def test_a_run_that_fails_still_answers(prepared: Prepared) -> None:
    outcome = fork(prepared(model__id="/nowhere/at/all"), told=[("checkpoint", {})]).end()
    (done,) = outcome.records("done")
    assert outcome.code == 1 and (done["ok"], done["message"]) == (False, "too late: the run had failed")


def test_without_held_out_rows_there_is_nothing_to_evaluate(prepared: Prepared) -> None:
    outcome = fork(prepared(data__eval=""), told=[("evaluate", {})]).end()
    (done,) = outcome.records("done")
    assert outcome.code == 0 and done["ok"] is False and "data.eval" in done["message"]


def test_a_pause_while_the_model_loads_leaves_at_once(prepared: Prepared) -> None:
    run = prepared()
    engine = fork(run, at=says("loading"), told=[("pause", {})])
    outcome = engine.end()
    assert outcome.code == 4 and outcome.reason == "paused before training began"
    assert [(record["ok"], record["verb"]) for record in outcome.records("done")] == [(True, "pause")]
    assert fork(run).end().code == 0


def test_an_engine_without_a_listener_reads_nothing(carried: Carry) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"nonce": "n", "verb": "stop"}\n')
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        assert carried().code == 0
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reading, writing):
            os.close(descriptor)
