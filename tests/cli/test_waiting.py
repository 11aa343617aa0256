"""What is said in a pipe while a run or a task is waited for: a line when something begins, then one now and then."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tuitune.cli import follow, task_progress
from tuitune.data.tasks import Progress
from tuitune.engine.journal.report import Report
from tuitune.recipe.schema import Recipe
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter

MEASURING = "evaluating on held-out rows"


@pytest.fixture
def measuring() -> Run:
    """A run that this process works on."""
    run, me = create(Recipe()), identity.current().as_record()
    run.owner_file.write_text(json.dumps(me))
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", identity=me)
        events.append(event="engine", identity=me)
    return run


class Clock:
    """Time that passes only while somebody sleeps, a second each; `then` happens meanwhile."""

    def __init__(self, then) -> None:
        self.now = 100.0
        self._then = then

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _seconds: float) -> None:
        self.now += 1
        self._then(int(self.now - 100))


def test_a_phase_that_gets_on_has_a_line_every_five_seconds(measuring: Run, cli, monkeypatch) -> None:
    def go_on(second: int) -> None:
        if second <= 11:
            phase = {"phase": "evaluating", "text": MEASURING, "done": second, "total": 51, "unit": "batches"}
            with JournalWriter(measuring.metrics_file) as metrics:
                metrics.append(kind="phase", **phase)
        else:
            with JournalWriter(measuring.events_file) as events:
                events.append(event="ended", state="finished", reason="")

    monkeypatch.setattr(follow, "time", Clock(go_on))
    answer = cli("follow", measuring.id)
    assert answer.code == 0
    told = [line for line in answer.out.splitlines() if line.startswith(MEASURING)]
    assert told == [MEASURING, f"{MEASURING}: 6 of 51 batches", f"{MEASURING}: 11 of 51 batches"]


def test_the_log_has_a_line_of_a_phase_and_every_step_of_it_is_recorded(home, capsys) -> None:
    run = create(Recipe())
    report = Report(run)
    report.phase("evaluating", MEASURING)
    for done in range(1, 52):
        report.progress("evaluating", MEASURING, done, 51, "batches")
    assert capsys.readouterr().out.splitlines() == [f"[tuitune] {MEASURING}"]
    assert '"done":51' in run.metrics_file.read_text().splitlines()[-1].replace(" ", "")


def test_a_task_says_what_it_waits_for(capsys, monkeypatch) -> None:
    progress = [Progress("working", "loading the tokenizer")] * 8
    progress += [Progress("working", "tokenizing\x1b", done=1200)] * 8 + [Progress("done", result={"rows": 1})]
    looks = iter(progress)
    monkeypatch.setattr(task_progress, "time", Clock(lambda second: None))
    assert task_progress.result_of(SimpleNamespace(look=lambda: next(looks)), "rows.jsonl") == {"rows": 1}
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["rows.jsonl: loading the tokenizer", "rows.jsonl: tokenizing␛ 1,200 rows"]
