from __future__ import annotations

import json
import math
import os
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runs.harness import budget, engine
from tuitune.objectives import METRICS
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.control.amendment import amend
from tuitune.runs.read.history import StepColumns
from tuitune.runs.read.summary import RunView, summarize
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.supervise.supervisor import supervise

CONTRACT = [
    *("id", "name", "directory", "state", "reason", "step", "total_steps", "epoch", "loss", "eval_loss", "perplexity"),
    "held_out",
    *(
        "tokens_per_second",
        "peak_memory_bytes",
        "started_at",
        "ended_at",
        "eta_seconds",
        "adapter",
        "life",
        "checkpoint",
        "exact",
        "trained_seconds",
        "waited_seconds",
        "recipe",
    ),
]


def write(run: Run, *records: dict[str, Any]) -> None:
    with JournalWriter(run.metrics_file) as writer:
        for record in records:
            writer.append(**record)


def step(number: int, **figures: Any) -> dict[str, Any]:
    fixed = {"epoch": number / 10, "loss": 1 / number, "learning_rate": 1e-4, "grad_norm": 0.5, "tokens": 100 * number}
    rest = {"tokens_per_second": 50.0, "step_seconds": 2.0, "memory_bytes": 10, "peak_memory_bytes": 20 + number}
    return {"kind": "step", "step": number, **fixed, **rest, **figures}


def test_only_figures_on_one_basis_are_beside_each_other(home: object) -> None:
    run = create(apply(Recipe(), []))

    def measured(label: str, at: int, perplexity: float, basis: str) -> None:
        figures = {"step": at, "loss": math.log(perplexity), "perplexity": perplexity}
        write(run, {"kind": "eval", **figures, "label": label, "basis": basis})
        write(run, {"kind": "answers", "step": at, "rows": 2, "exact": 0.5, "label": label, "basis": basis})

    measured("base", 0, 20.0, "a")
    write(run, step(1), step(2))
    measured("tuned", 2, 10.0, "a")
    view = RunView(run)
    view.refresh()
    reloads = view.reloads
    write(run, {"kind": "resumed", "step": 2, "exact": False})
    measured("base", 0, 90.0, "b")
    view.refresh()
    assert (view.perplexities, view.summary.perplexity["tuned"], len(view.answers)) == ((90.0, None), None, 1)
    assert view.evaluations[0].trained_tokens == 0 and view.reloads > reloads
    measured("tuned", 2, 45.0, "b")
    view.refresh()
    assert view.perplexities == (90.0, 45.0) and view.evaluations[1].trained_tokens == 200


def supervised_by_me(run: Run) -> None:
    run.owner_file.write_text(json.dumps(identity.current().as_record()))
    with JournalWriter(run.events_file) as events:
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


def test_a_run_that_waits_has_the_steps_that_its_recipe_sets() -> None:
    waiting = create(apply(Recipe(), ["training.max_steps=40"]))
    assert (summarize(waiting).step, summarize(waiting).total_steps) == (None, 40)


def test_the_figures_of_a_training_run(run: Run) -> None:
    supervised_by_me(run)
    write(
        run,
        {"kind": "plan", "total_steps": 50},
        {"kind": "eval", "step": 0, "loss": 2.0, "perplexity": 7.4, "label": "base"},
        step(1, step_seconds=60.0),
        *(step(number) for number in range(2, 11)),
        {"kind": "eval", "step": 10, "loss": 1.0, "perplexity": 2.7, "label": "during"},
    )
    summary = summarize(run)
    assert (summary.state, summary.step, summary.total_steps, summary.epoch) == ("training", 10, 50, 1.0)
    assert (summary.loss, summary.eval_loss) == (0.1, 1.0)
    assert summary.perplexity == {"base": 7.4, "tuned": None}
    assert (summary.tokens_per_second, summary.peak_memory_bytes) == (50.0, 30)
    assert summary.eta_seconds == pytest.approx(40 * 2.0), "the first step, which warms up, tells nothing"
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
    assert (
        view.phase and view.phase.body().items() >= {"phase": "loading", "done": 1, "total": 4, "unit": "bytes"}.items()
    )
    write(run, step(2, loss=math.nan), {"kind": "eval", "step": 2, "loss": 0.5, "label": "during"})
    with JournalWriter(run.samples_file) as samples:
        samples.append(step=2, index=0, prompt="p", answer="a")
    write(run, {"kind": "checkpoint", "step": 2}, {"kind": "alert", "id": "x"}, {"kind": "answers", "label": "base"})
    write(run, {"kind": "artefact", "path": "adapter"}, {"kind": "end", "outcome": "finished"})
    assert view.refresh()
    assert list(view.steps["step"]) == [1, 2]
    assert list(view.steps["tokens"]) == [100, 200]
    assert list(view.steps["memory_bytes"]) == [10, 10]
    assert math.isnan(view.steps["loss"][1]), "a gap, not a zero"
    assert view.summary.loss is None
    (evaluation,) = view.evaluations
    assert (evaluation.step, evaluation.loss, evaluation.perplexity) == (2, 0.5, None)
    assert evaluation.trained_tokens == 200
    assert [len(found) for found in (view.samples, view.checkpoints, view.alerts, view.answers)] == [1, 1, 1, 1]
    assert view.artefact and view.end
    assert view.artefact.path == "adapter"
    assert view.end.outcome == "finished"
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
    assert list(view.steps["step"]) == [1]
    assert view.reloads == 1


def test_a_damaged_recipe_leaves_the_rest_readable(run: Run) -> None:
    write(run, step(1))
    for damage in ("[run", 'unknown = "x"'):
        run.recipe_file.write_text(damage)
        assert (summarize(run).recipe, summarize(run).step) == ({}, 1)
    run.recipe_file.unlink()
    os.mkfifo(run.recipe_file)
    assert summarize(run).recipe == {}


def resumed(number: int, **fields: Any) -> dict[str, Any]:
    return {"kind": "resumed", "step": number, "exact": True, "reasons": [], "skipped": [], **fields}


def test_what_was_recorded_after_the_step_it_resumed_from_is_superseded(run: Run) -> None:
    supervised_by_me(run)
    write(
        run,
        {"kind": "plan", "total_steps": 50},
        {"kind": "eval", "step": 0, "loss": 3.0, "perplexity": 20.0, "label": "base"},
        *(step(number) for number in range(1, 9)),
        {"kind": "checkpoint", "step": 4, "path": "checkpoints/step-000004"},
        {"kind": "checkpoint", "step": 8, "path": "checkpoints/step-000008"},
        {"kind": "eval", "step": 8, "loss": 1.0, "label": "during"},
        {"kind": "answers", "step": 8, "label": "during"},
        {"kind": "alert", "step": 8, "id": "plateau", "level": "warning", "message": "flat"},
        {"kind": "alert", "step": 3, "id": "starved", "level": "info", "message": "slow"},
        {"kind": "end", "outcome": "paused", "step": 8},
    )
    with JournalWriter(run.samples_file) as samples:
        for number in (0, 4, 8):
            samples.append(step=number, prompt="p", answer=str(number))
    view = RunView(run)
    view.refresh()
    assert (len(view.steps), view.reloads, view.summary.checkpoint, view.summary.exact) == (8, 0, 8, None)
    write(run, resumed(4, exact=False, reasons=["training.batch_size was 4"]))
    with JournalWriter(run.samples_file) as samples:
        samples.append(kind="resumed", step=4)
        samples.append(step=6, prompt="p", answer="6")
    write(run, step(5, loss=9.0))
    view.refresh()
    assert view.reloads > 0, "charts are to be built anew"
    assert list(view.steps["step"]) == [1, 2, 3, 4, 5]
    assert view.steps["loss"][-1] == 9.0
    assert [evaluation.label for evaluation in view.evaluations] == ["base"]
    assert [checkpoint.step for checkpoint in view.checkpoints] == [4]
    assert [alert.id for alert in view.alerts] == ["starved"]
    assert view.answers == []
    assert [sample.step for sample in view.samples] == [0, 4, 6]
    assert view.end is None
    summary = view.summary
    assert (summary.step, summary.checkpoint, summary.exact, summary.perplexity["base"]) == (5, 4, False, 20.0)
    again = RunView(run)
    again.refresh()
    assert (again.summary, again.samples) == (summary, view.samples)
    assert list(again.steps["loss"]) == list(view.steps["loss"])


def test_going_on_from_the_last_step_supersedes_nothing(run: Run) -> None:
    write(run, step(1), step(2), {"kind": "checkpoint", "step": 2}, resumed(2), step(3))
    view = RunView(run)
    view.refresh()
    assert (list(view.steps["step"]), view.reloads, view.summary.exact) == ([1, 2, 3], 0, True)


def test_lives_are_counted_and_the_first_start_and_the_last_end_count(run: Run) -> None:
    assert summarize(run).life == 0
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", tuitune="0.1.0")
        events.append(event="engine", identity=None)
        events.append(event="ended", state="paused", reason="paused")
    summary = summarize(run)
    assert (summary.state, summary.life, summary.ended_at) == ("paused", 1, None)
    assert summary.started_at is not None
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", life=2)
        events.append(event="engine", identity=None, after=7)
        events.append(event="ended", state="finished", reason="")
    later = summarize(run)
    assert (later.state, later.life, later.started_at) == ("finished", 2, summary.started_at)
    assert later.ended_at is not None


def test_marks_tell_what_happened_and_where(run: Run) -> None:
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor")
        events.append(event="pause-requested", by="request x", step=8, after=10)
        events.append(event="supervisor")
        for rung in ("ask", "kill-group"):
            events.append(event="kill", rung=rung, step=9, after=40)
        events.append(event="retry", reason="out of memory: smaller", step=5, after=41)
    write(
        run,
        *(step(number) for number in range(1, 9)),
        {"kind": "tuned", "nonce": "a", "step": 3, "changes": {"training.learning_rate": 1e-5}},
        {"kind": "tuned", "nonce": "b", "step": 7, "changes": {"evaluation.every": 5}},
        {"kind": "done", "nonce": "c", "verb": "sample", "ok": True, "message": "sampled\x1b[2J", "step": 6},
        {"kind": "done", "nonce": "a", "verb": "tune", "ok": True, "message": "tuned", "step": 3},
        {"kind": "done", "nonce": "d", "verb": "evaluate", "ok": False, "message": "no held-out rows", "step": 3},
        {"kind": "alert", "id": "diverging", "level": "warning", "message": "rising: lower it", "step": 2},
        {"kind": "alert", "id": "x", "level": "info", "message": "by the way", "step": 2},
        resumed(5, exact=False, reasons=["another GPU"]),
        {"kind": "tuned", "nonce": "b", "step": 7, "changes": {"evaluation.every": 5}},
    )
    view = RunView(run)
    view.refresh()
    assert [(mark.step, mark.kind, mark.text) for mark in view.marks] == [
        (2, "alert", "rising: lower it"),
        (3, "tuned", "training.learning_rate = 1e-05"),
        (5, "pause", "asked to pause"),
        (5, "retry", "out of memory: smaller"),
        (5, "resumed", "resumed approximately: another GPU"),
        (7, "tuned", "evaluation.every = 5"),
        (9, "kill", "asked to end at once"),
    ]


def test_an_amended_recipe_is_the_one_that_is_shown(run: Run) -> None:
    view = RunView(run)
    assert view.summary.recipe["training"]["epochs"] == 3.0
    amend(run, {"training.epochs": 5.0})
    with JournalWriter(run.events_file) as events:
        events.append(event="amended", changes={})
    view.refresh()
    assert view.summary.recipe["training"]["epochs"] == 5.0


@pytest.mark.parametrize("name", ["metrics", "events"])
def test_a_long_journal_is_in_view_at_once(run: Run, name: str) -> None:
    """A first view within a second whatever has gone before, its state that of now; the rest comes in pieces."""
    supervised_by_me(run)
    write(run, {"kind": "plan", "total_steps": 9}, step(1))
    path = run.metrics_file if name == "metrics" else run.events_file
    acknowledged = {"event": "acknowledged", "nonce": "f" * 32, "verb": "tune", "ok": True, "message": "to the engine"}
    record = {"v": 1, "seq": 9, "time": 1.5, **(step(1) if name == "metrics" else acknowledged)}
    path.write_bytes(path.read_bytes() + (json.dumps(record).encode() + b"\n") * 1_000_000)
    started = time.process_time()
    view = RunView(run)
    view.refresh(max_records=1000)
    assert time.process_time() - started < budget(1.0)
    assert (view.summary.state, view.complete) == ("training", False)
    started = time.process_time()
    for _ in range(20):
        view.refresh(max_records=1000)
    assert time.process_time() - started < budget(1.0)
    path.unlink()


def test_a_long_journal_is_read_in_little_memory(run: Run) -> None:
    count = 20_000
    run.metrics_file.write_bytes(json.dumps(step(1)).encode().join([b"", b"\n"]) * count)
    tracemalloc.start()
    try:
        view = RunView(run)
        view.refresh()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(view.steps), view.complete) == (count, True)
    assert peak < 12_000_000


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
KEYS = [
    *("seq", "time", "step", "total_steps", "loss", "tokens", "label", "perplexity", "phase", "text", "done"),
    *("step_seconds", "exact", "reasons", "changes", "message", "level"),
]
KINDS = [
    *("step", "plan", "eval", "phase", "answers", "checkpoint", "alert", "artefact", "end", "new", 7, None),
    *("resumed", "tuned", "done"),
]
RECORDS = st.fixed_dictionaries({"kind": st.sampled_from(KINDS)}, optional=dict.fromkeys(KEYS, VALUES))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    steps = StepColumns()
    steps.extend([{}, {"step": True, "loss": "x", "memory_bytes": 5}])
    assert {len(steps[key]) for key in ("step", "epoch", "tokens", "time", "step_seconds", *METRICS)} == {2}
    assert steps["memory_bytes"][1] == 5


@pytest.mark.parametrize("odd", [None, True, "3", 1e301, -1e301, [3]])
def test_one_odd_figure_among_many_is_missing_and_the_others_are_there(odd: object) -> None:
    steps = StepColumns()
    steps.extend([{"step": 1, "loss": 0.5}, {"step": odd, "loss": odd}, {"step": 3, "loss": 2.0}])
    assert [list(column) for column in (steps["step"][::2], steps["loss"][::2])] == [[1, 3], [0.5, 2]]
    assert math.isnan(steps["step"][1])
    assert math.isnan(steps["loss"][1])


def test_steps_of_fractions_below_zero_or_beyond_counting_are_missing() -> None:
    steps = StepColumns()
    steps.extend([{"step": step} for step in (2.5, -1, 1 << 53)])
    steps.extend([{"step": step} for step in (2, -1)])
    assert [math.isnan(step) for step in steps["step"]] == [True, True, True, False, True]
