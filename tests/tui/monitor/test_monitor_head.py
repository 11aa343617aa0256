"""The head of the monitor and its events, made from run directories: every state, of runs that had several lives."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest

from tests.tui.conftest import MakeRun
from tests.tui.monitor.monitor_support import append_steps, event, metric, next_life
from tests.tui.payloads import PAYLOADS
from tuitune.cli import main
from tuitune.objectives import charted
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.text import clean
from tuitune.tui.monitor.run_charts import LETTERS, RunCharts, event_marks
from tuitune.tui.monitor.run_header import header_lines
from tuitune.tui.monitor.run_status import Moment, place_text
from tuitune.views.event_texts import event_texts


def view_of(run: Run) -> RunView:
    view = RunView(run)
    view.refresh()
    return view


def head(run: Run, width: int = 78, *, later: float = 0.0, place: tuple[int, int] = (0, 0), asked: str = "") -> str:
    """The header's text `later` seconds after the last event."""
    last = json.loads(run.events_file.read_text().splitlines()[-1])
    moment = Moment(last["time"] + later, asked=asked, place=place)
    return "\n".join(line.plain for line in header_lines(view_of(run), width, moment))


def test_a_queued_run_says_what_it_waits_for_and_its_place(make_run: MakeRun) -> None:
    busy = "GPU 0 (NVIDIA H200) is used by anna: python, 23.1 GB"
    run = make_run("waits", state="queued", steps=0)
    event(run, "supervisor", identity=json.loads(run.owner_file.read_text()), life=1, resumes=False)
    event(run, "waiting", reason=busy, place=3, of=3)
    assert f"{busy} · 3rd of 3 in the queue · waiting " in head(run, 120)
    narrow = head(run, 60, place=(2, 3)).split("\n")
    assert narrow[1].startswith("2nd of 3 in the queue")
    assert " ".join(narrow[2:]) == busy


@pytest.mark.parametrize(
    ("place", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (13, "13th")]
)
def test_places_in_words(place: int, words: str) -> None:
    assert place_text(place, 30) == f"{words} of 30 in the queue"
    assert place_text(0, 3) == place_text(4, 3) == ""


def test_a_paused_run_says_how_to_go_on_and_from_where(make_run: MakeRun) -> None:
    run = make_run("rests", state="training", steps=40, total=400)
    metric(run, "checkpoint", step=40, path="checkpoint-40", bytes=10**6, seconds=1.0, healthy=True)
    event(run, "ended", state="paused", reason="", seconds=300.0)
    assert "‖ paused" in head(run) and "press r to resume from step 40" in head(run)
    assert "trained 5 m 00 s" in head(run, 120)


def test_a_resumed_run_says_from_which_step_and_how_exactly(make_run: MakeRun) -> None:
    run = make_run("again", state="training", steps=40, total=400)
    next_life(run)
    metric(run, "resumed", step=30, checkpoint="checkpoint-30", exact=True, reasons=[], skipped=[])
    append_steps(run, 31, 33)
    assert "resumed at step 30 (exact)" in head(run, 140)
    metric(
        run, "resumed", step=20, checkpoint="checkpoint-20", exact=False, reasons=["the data has changed"], skipped=[]
    )
    append_steps(run, 21, 22)
    assert "approximate since step 20: the data has changed" in head(run)
    assert "step 22 / 400" in head(run)


def test_memory_of_a_gpu_is_told_with_what_is_reserved_and_what_cuda_takes(make_run: MakeRun, capsys: Any) -> None:
    run = make_run("triage", steps=5)
    assert "peak 1.2 GB" in head(run, 140) and "reserved" not in head(run, 140)
    append_steps(run, 6, 7, peak_memory_bytes=2e9, reserved_memory_bytes=3e9, context_memory_bytes=5e8)
    append_steps(run, 8, 8, peak_memory_bytes=1e9, reserved_memory_bytes=1e9)
    assert "peak 2.0 GB · reserved 3.0 GB · CUDA context 500 MB" in head(run, 140)
    assert main(["show", run.id]) == 0
    assert "2.0 GB  (3.0 GB reserved, 500 MB CUDA context)" in capsys.readouterr().out


def test_the_escalation_of_a_kill_counts_down(make_run: MakeRun) -> None:
    run = make_run("stubborn", state="training", steps=5, total=30)
    event(run, "kill", rung="ask", seconds=20.0, next="terminate-group", message="asked to save and end")
    assert "◑ stopping" in head(run)
    assert "SIGTERM sent, to save and end · SIGTERM to all in 20 s" in head(run, 58)
    assert "in 13 s" in head(run, 58, later=7.5)
    event(run, "kill", rung="terminate-group", seconds=5.0, next="kill-group", message="told with SIGTERM to end")
    assert "SIGTERM sent to all its processes · SIGKILL in 3 s" in head(run, later=2.5)
    assert "SIGKILL in 0 s" in head(run, later=60)
    assert "SIGKILL in 5 s" in head(run, later=-3600), "a clock that was put back shows no hour"
    event(run, "kill", rung="stuck", seconds=None, next=None, message="its processes wait for the kernel")
    assert "stuck: its processes wait for the kernel" in head(run)
    event(run, "exited", code=None, signal="SIGKILL")
    assert "SIGKILL does not" not in head(run)


def test_a_silent_engine_is_told_with_a_clock_that_runs_and_what_to_do(make_run: MakeRun) -> None:
    run = make_run("quiet", state="training", steps=5, total=30)
    event(run, "silent", seconds=120.0)
    assert "nothing heard from the engine for 2 m 00 s: see the log (7); K kills it" in head(run)
    assert "for 3 m 10 s" in head(run, later=70)
    event(run, "heard")
    assert "nothing heard" not in head(run)


def test_a_retry_after_running_out_of_memory_is_told(make_run: MakeRun) -> None:
    reason = "out of memory: goes on from step 4 with batches of 2, 8 to a step"
    run = make_run("large", state="training", steps=5, total=30)
    event(run, "exited", code=1, signal=None)
    event(run, "retry", reason=reason, step=4, batch_size=2, accumulation=8, after=6)
    assert "◐ starting" in head(run) and reason in head(run)
    event(run, "engine", identity=json.loads(run.owner_file.read_text()))
    append_steps(run, 5, 6)
    assert "● training" in head(run) and reason in head(run)


def test_limits_are_shown_as_they_are_now(make_run: MakeRun) -> None:
    until = time.strftime("%Y-%m-%dT23:59", time.localtime())
    recipe = {"limits": {"until": until, "loss": 0.5, "cost": 4.0, "price_per_hour": 2.0, "hours": 3.0}}
    run = make_run("limited", state="training", steps=5, total=30, recipe=recipe)
    for words in ("stops at 23:59", "stops after 3 h 00 m of training", "stops at loss 0.5000", "stops at a cost of 4"):
        assert words in head(run, 200)
    metric(run, "tuned", nonce="a", step=5, changes={"limits.loss": 0.25, "limits.cost": None})
    assert "stops at loss 0.2500" in head(run, 200)
    assert "cost" not in head(run, 200)


def test_a_run_that_is_loaded_and_has_no_step_is_not_starting(make_run: MakeRun) -> None:
    """The first step may take minutes: its engine has long started."""
    run = make_run("first", state="training", steps=0, total=400)
    metric(run, "plan", total_steps=400)
    metric(run, "phase", phase="training", text="training")
    assert "at the first step · elapsed" in head(run) and "starting" not in head(run)


def test_what_was_asked_stands_first(make_run: MakeRun) -> None:
    run = make_run("asked", state="training", steps=5, total=30)
    assert head(run, asked="checkpoint requested …").split("\n")[1].startswith("checkpoint requested …")


def test_events_are_told_in_plain_words(make_run: MakeRun) -> None:
    run = make_run("eventful", state="training", steps=50, total=400)
    event(run, "slot", device="cpu", label="the CPU")
    event(run, "acknowledged", nonce="a", verb="tune", ok=False, message="the learning rate is too high")
    event(run, "amended", changes={"training.batch_size": {"from": 4, "to": 2}}, why="out of memory")
    event(run, "pause-requested", by="request 3f")
    event(run, "stop-requested", by="signal")
    event(run, "kill", rung="ask", seconds=12.0, next="terminate-group", message="asked to save and end")
    event(run, "retry", reason="out of memory: goes on from step 40", step=40, batch_size=2, accumulation=8)
    event(run, "silent", seconds=150.0)
    event(run, "exited", code=None, signal="SIGSEGV")
    event(run, "notify-failed", message="no such command")
    metric(run, "checkpoint", step=40, path="x", bytes=84_000_000, seconds=1.4, healthy=True)
    metric(run, "checkpoint", step=45, path="x", bytes=84_000_000, seconds=1.4, healthy=False)
    metric(run, "tuned", nonce="b", step=41, changes={"training.learning_rate": 1e-4})
    metric(run, "done", nonce="b", verb="tune", ok=True, message="in effect", step=41)
    metric(run, "done", nonce="c", verb="evaluate", ok=False, message="no held-out rows", step=42)
    next_life(run, 3)
    skipped = [{"path": "/x/checkpoint-45", "reason": "damaged"}]
    metric(run, "resumed", step=45, checkpoint="x", exact=False, reasons=["torch changed"], skipped=skipped)
    told = "\n".join(line[7:] for line in event_texts(view_of(run)))
    for words in (
        "got the CPU", "tune refused: the learning rate is too high",
        "recipe changed (out of memory): training.batch_size 4 → 2", "pause requested\n", "stop requested by a signal",
        "asked to save and end; SIGTERM to all in 12 s", "out of memory: goes on from step 40",
        "nothing heard from the engine for 2 m 30 s", "engine killed by SIGSEGV",
        "the command of run.notify failed: no such command", "checkpoint at step 40, 84.0 MB in 1.4 s, healthy",
        "checkpoint at step 45, 84.0 MB in 1.4 s, NOT healthy",
        "tuned from step 42 on: training.learning_rate = 1e-4", "evaluate not done: no held-out rows",
        "life 3 begins, resumed",
        "resumed from step 45, approximately: torch changed (skipped checkpoint-45: damaged)",
    ):  # fmt: skip
        assert words in told, words
    assert "tune done" not in told


def test_marks_bear_the_letter_of_what_was_asked(make_run: MakeRun) -> None:
    run = make_run("marked", state="training", steps=50, total=400)
    metric(run, "tuned", nonce="a", step=10, changes={"training.learning_rate": 1e-4})
    for step, verb in ((20, "checkpoint"), (21, "evaluate"), (22, "sample"), (10, "tune"), (40, "pause")):
        metric(run, "done", nonce=f"{verb}", verb=verb, ok=True, message=f"{verb} was done", step=step)
    metric(run, "alert", id="diverging", level="warning", message="the loss rises", step=30)
    metric(run, "alert", id="note", level="info", message="nothing much", step=31)
    event(run, "pause-requested", by="x", step=40, after=60)
    view, charts = view_of(run), RunCharts(charted("sft"))
    while not charts.take(view):
        continue
    for axis, place in (("step", lambda step: step), ("tokens", lambda step: step * 900)):
        marks = event_marks(view, charts.curves.steps, axis)
        assert [(mark.letter, mark.x) for mark in marks] == [
            (letter, place(step)) for letter, step in (("T", 10), ("C", 20), ("E", 21), ("G", 22), ("!", 30), ("P", 40))
        ]
    assert len({letter for letter, _ in LETTERS.values()}) == len(LETTERS)


def test_points_that_a_later_life_supersedes_vanish_from_the_curves(make_run: MakeRun) -> None:
    run = make_run("again", state="training", steps=50, total=400)
    view, charts = view_of(run), RunCharts(charted("sft"))
    charts.take(view)
    assert len(charts.curves.values["loss"]) == 50
    next_life(run)
    metric(run, "resumed", step=30, checkpoint="x", exact=True, reasons=[], skipped=[])
    append_steps(run, 31, 50, loss=9.0)
    view.refresh()
    while not charts.take(view):
        continue
    losses = charts.curves.values["loss"].values
    assert len(losses) == 50
    assert list(losses[30:]) == [9.0] * 20
    assert max(losses[:30]) < 9.0
    assert list(charts.curves.steps.by("step")) == list(range(1, 51))


def test_a_loss_that_is_not_a_number_is_a_gap_and_is_said(make_run: MakeRun) -> None:
    run = make_run("lost", state="training", steps=20, total=400)
    append_steps(run, 21, 24, loss=float("nan"), grad_norm=float("inf"))
    view, charts = view_of(run), RunCharts(charted("sft"))
    charts.take(view)
    values = charts.curves.values["loss"].values
    assert all(math.isnan(value) for value in values[20:]) and 0.0 not in values
    assert charts.value("loss").plain == "not a number"
    assert charts.value("grad_norm").plain == "not a number"
    assert charts.value("tokens_per_second").plain.endswith("tok/s")
    append_steps(run, 25, 25)
    view.refresh()
    charts.take(view)
    assert charts.value("loss").plain == "1.0000"


def test_settings_are_those_after_every_tune(make_run: MakeRun) -> None:
    run = make_run("tuned", state="training", steps=5, total=30)
    metric(run, "tuned", nonce="a", step=2, changes={"training.learning_rate": 1e-3, "samples.prompts": ["one"]})
    metric(run, "tuned", nonce="b", step=3, changes={"training.learning_rate": 1e-5, "made.up": 3, "limits.loss": "x"})
    metric(run, "tuned", nonce="c", step=3, changes="odd")
    view = view_of(run)
    assert view.setting("training.learning_rate") == 1e-5
    assert view.setting("training.batch_size") == view.recipe["training"]["batch_size"]
    recipe = view.current_recipe()
    assert recipe.training.learning_rate == 1e-3, "a record with a value that is none is passed over as a whole"
    assert recipe.samples.prompts == ["one"]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_foreign_text_is_inert_in_the_head_and_the_events(make_run: MakeRun, payload: str) -> None:
    run = make_run("triage", state="training", steps=5, total=30, phase=payload)
    with JournalWriter(run.events_file) as events:
        for name in ("supervisor", "waiting", "slot", "acknowledged", "retry", "exited", "notify-failed", "silent"):
            texts = dict.fromkeys(("reason", "label", "message", "by", "verb", "signal", "place", "of"), payload)
            events.append(event=name, **texts, seconds=payload, step=payload, code=None)
        events.append(event="amended", why=payload, changes={payload: {"from": payload, "to": [payload]}})
        events.append(event="engine", identity=json.loads(run.owner_file.read_text()))
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="tuned", nonce=payload, step=3, changes={payload: payload, "limits.until": payload})
        metrics.append(kind="done", nonce=payload, verb=payload, ok=False, message=payload, step=payload)
        metrics.append(kind="checkpoint", step=payload, bytes=payload, seconds=payload, healthy=payload)
        skipped = [{"path": payload, "reason": payload}, payload]
        metrics.append(kind="resumed", step=5, checkpoint=payload, exact=False, reasons=[payload, 3], skipped=skipped)
        metrics.append(kind="alert", id=payload, level="warning", message=payload, step=payload)
    append_steps(run, 6, 7)
    view = view_of(run)
    lines = [line.plain for line in header_lines(view, 200, Moment(time.time(), busy=payload))] + event_texts(view)
    written = payload.encode("utf-8", "replace").decode()
    assert clean(written)[:6] in "".join(lines)
    assert all(clean(line) == line for line in lines)
    event(run, "kill", rung=payload, seconds=9.0, next=payload, message=payload)
    lines = [line.plain for line in header_lines(view_of(run), 200, Moment(time.time()))]
    assert all(clean(line) == line for line in lines)
    assert clean(written)[:6] in "".join(lines)
