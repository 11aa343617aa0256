from __future__ import annotations

import json
import math
import os
import time
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runs.harness import budget, engine
from tuitune.recipe.schema import Recipe
from tuitune.runs import identity
from tuitune.runs.directory import Run
from tuitune.runs.journal import Writer
from tuitune.runs.summary import RunView, Steps, summarize
from tuitune.runs.supervisor import supervise

CONTRACT = [
    *("id", "name", "directory", "state", "reason", "step", "total_steps", "epoch", "loss", "eval_loss", "perplexity"),
    *("tokens_per_second", "peak_memory_bytes", "started_at", "ended_at", "eta_seconds", "adapter", "recipe"),
]


def write(run: Run, *records: dict[str, Any]) -> None:
    with Writer(run.metrics_file) as writer:
        for record in records:
            writer.append(**record)


def step(number: int, **figures: Any) -> dict[str, Any]:
    fixed = {"epoch": number / 10, "loss": 1 / number, "learning_rate": 1e-4, "grad_norm": 0.5, "tokens": 100 * number}
    rest = {"tokens_per_second": 50.0, "step_seconds": 2.0, "memory_bytes": 10, "peak_memory_bytes": 20 + number}
    return {"kind": "step", "step": number, **fixed, **rest, **figures}


def supervised_by_me(run: Run) -> None:
    run.owner_file.write_text(json.dumps(identity.current().as_record()))
    with Writer(run.events_file) as events:
        events.append(event="supervisor")
        events.append(event="engine")


def test_the_keys_are_the_contracts(run: Run) -> None:
    summary = summarize(run)
    assert list(summary.as_json()) == CONTRACT
    assert list(summary.as_json(recipe=False)) == CONTRACT[:-1]
    assert json.loads(json.dumps(summary.as_json()))["recipe"] == Recipe().model_dump(mode="json")


def test_a_run_that_has_only_begun_has_no_figures(run: Run) -> None:
    summary = summarize(run)
    assert (summary.id, summary.name, summary.directory, summary.state) == (run.id, run.name, str(run.path), "queued")
    unknown = (
        "step total_steps epoch loss eval_loss tokens_per_second peak_memory_bytes started_at ended_at eta_seconds"
    )
    assert {getattr(summary, name) for name in unknown.split()} == {None}
    assert summary.perplexity == {"base": None, "tuned": None}
    assert summary.created_at is not None


def test_the_figures_of_a_training_run(run: Run) -> None:
    supervised_by_me(run)
    write(
        run,
        {"kind": "plan", "total_steps": 50},
        {"kind": "eval", "step": 0, "loss": 2.0, "perplexity": 7.4, "label": "base"},
        *(step(number) for number in range(1, 11)),
        {"kind": "eval", "step": 10, "loss": 1.0, "perplexity": 2.7, "label": "during"},
    )
    summary = summarize(run)
    assert (summary.state, summary.step, summary.total_steps, summary.epoch) == ("training", 10, 50, 1.0)
    assert (summary.loss, summary.eval_loss) == (0.1, 1.0)
    assert summary.perplexity == {"base": 7.4, "tuned": None}
    assert (summary.tokens_per_second, summary.peak_memory_bytes) == (50.0, 30)
    assert summary.eta_seconds == pytest.approx(40 * 2.0)
    assert abs(summary.started_at - time.time()) < 60
    assert summary.ended_at is None


def test_an_ended_run_has_an_end_and_its_adapter_only_where_there_is_one(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    summary = summarize(run)
    assert summary.state == "finished"
    assert summary.started_at <= summary.ended_at <= time.time()
    assert summary.eta_seconds is None
    assert summary.adapter is None
    run.adapter.mkdir()
    assert summarize(run).adapter is None
    (run.adapter / "adapter_config.json").write_text("{}")
    assert summarize(run).adapter == str(run.adapter)


def test_a_crashed_run_ended_when_it_was_last_heard_of(run: Run) -> None:
    supervised_by_me(run)
    write(run, step(1))
    run.owner_file.unlink()
    summary = summarize(run)
    assert summary.state == "crashed"
    assert summary.ended_at >= summary.started_at


def test_a_view_follows_a_growing_run(run: Run) -> None:
    view = RunView(run)
    assert not view.refresh()
    write(
        run, {"kind": "phase", "phase": "loading", "text": "loading", "done": 1, "total": 4, "unit": "bytes"}, step(1)
    )
    assert view.refresh()
    assert view.phase == {"phase": "loading", "text": "loading", "unit": "bytes", "done": 1, "total": 4}
    write(run, step(2, loss=math.nan), {"kind": "eval", "step": 2, "loss": 0.5, "label": "during"})
    with Writer(run.samples_file) as samples:
        samples.append(step=2, index=0, prompt="p", answer="a")
    write(run, {"kind": "checkpoint", "step": 2}, {"kind": "alert", "id": "x"}, {"kind": "answers", "label": "base"})
    write(run, {"kind": "artefact", "path": "adapter"}, {"kind": "end", "outcome": "finished"})
    assert view.refresh()
    assert list(view.steps.step) == [1, 2]
    assert list(view.steps.tokens) == [100, 200]
    assert list(view.steps.memory) == [10, 10]
    assert math.isnan(view.steps.loss[1]), "a gap, not a zero"
    assert view.summary.loss is None
    (evaluation,) = view.evaluations
    assert (evaluation["step"], evaluation["loss"], evaluation["perplexity"]) == (2, 0.5, None)
    assert evaluation["trained_tokens"] == 200
    assert [len(found) for found in (view.samples, view.checkpoints, view.alerts, view.answers)] == [1, 1, 1, 1]
    assert view.artefact and view.end
    assert view.artefact["path"] == "adapter"
    assert view.end["outcome"] == "finished"
    assert not view.refresh()


def test_many_records_can_be_read_in_portions(run: Run) -> None:
    write(run, *(step(number) for number in range(1, 26)))
    view = RunView(run)
    lengths = []
    while not view.complete:
        view.refresh(max_records=10)
        lengths.append(len(view.steps))
    assert lengths == [10, 20, 25]


def test_a_file_that_was_replaced_is_read_anew(run: Run) -> None:
    write(run, *(step(number) for number in range(1, 6)))
    view = RunView(run)
    view.refresh()
    run.metrics_file.unlink()
    write(run, step(1))
    view.refresh()
    assert list(view.steps.step) == [1]
    assert view.reloads == 1


def test_a_damaged_recipe_leaves_the_rest_readable(run: Run) -> None:
    write(run, step(1))
    for damage in ("[run", 'unknown = "x"'):
        run.recipe_file.write_text(damage)
        assert (summarize(run).recipe, summarize(run).step) == ({}, 1)
    run.recipe_file.unlink()
    os.mkfifo(run.recipe_file)
    assert summarize(run).recipe == {}


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
KEYS = ["time", "step", "total_steps", "loss", "tokens", "label", "perplexity", "phase", "text", "done", "step_seconds"]
KINDS = ["step", "plan", "eval", "phase", "answers", "checkpoint", "alert", "artefact", "end", "new", 7, None]
RECORDS = st.fixed_dictionaries({"kind": st.sampled_from(KINDS)}, optional=dict.fromkeys(KEYS, VALUES))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, max_size=12))
def test_records_of_any_content_are_taken_without_complaint(run: Run, records: list[dict[str, Any]]) -> None:
    run.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    run.owner_file.write_text(json.dumps(identity.current().as_record()))
    run.events_file.write_text('{"event": "engine", "time": "noon"}\n')
    json.dumps(summarize(run).as_json(), allow_nan=False)


def test_a_hundred_thousand_steps_are_viewed_within_a_second(run: Run) -> None:
    write(run, step(1))
    run.metrics_file.write_bytes(run.metrics_file.read_bytes() * 100_000)
    view, started = RunView(run), time.process_time()
    view.refresh()
    assert time.process_time() - started < budget(1.0)
    assert len(view.steps) == 100_000
    started = time.process_time()
    for _ in range(20):
        view.refresh()
    assert time.process_time() - started < budget(0.1)


def test_columns_are_of_equal_length_whatever_is_missing() -> None:
    steps = Steps()
    steps.append({})
    steps.append({"step": True, "loss": "x", "memory_bytes": 5})
    assert {len(getattr(steps, column.name)) for column in fields(Steps)} == {2}
    assert steps.memory[1] == 5
