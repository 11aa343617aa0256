"""Journals of valid JSON with fields of any type, size and number: every view of runs opens, and other runs are shown.

The screen's part is tried on what it draws with, all but the widgets themselves: their lines, rows, marks and charts.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tuitune.cli import main
from tuitune.objectives import charted
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import STATES
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.store.records import lifecycle, samples, training
from tuitune.runs.store.records.line import Line
from tuitune.tui.charts.axis import AXES
from tuitune.tui.charts.envelope import ChartWindow
from tuitune.tui.charts.plot import Plot
from tuitune.tui.charts.viewport import Viewport
from tuitune.tui.monitor.run_charts import event_marks
from tuitune.tui.monitor.run_curves import RunCurves
from tuitune.tui.monitor.run_header import header_lines
from tuitune.tui.monitor.run_status import Moment
from tuitune.tui.monitor.samples import SampleBook
from tuitune.tui.runs.run_row import run_row
from tuitune.views.event_texts import event_texts
from tuitune.views.run_list import RunList

EVENTS = [
    *("supervisor", "waiting", "slot", "engine", "acknowledged", "amended", "stop-requested", "pause-requested"),
    *("kill", "silent", "heard", "retry", "exited", "notify-failed", "ended"),
]
METRIC_KINDS = [
    *("phase", "plan", "step", "eval", "answers", "checkpoint"),
    *("resumed", "tuned", "done", "alert", "artefact", "end"),
]
FIELDS = sorted(
    {
        *("kind", "event", "nonfinite", "name", "directory", "host", "boot_id", "uptime", "created_at"),
        *(
            field
            for module in (training, lifecycle, samples)
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Line)
            for field in kind.fields
        ),
    }
)
WORDS = [*STATES, *EVENTS, "base", "tuned", "bytes", "batches", "warning", "error", "stuck", "training", "edit", "tune"]
LONG_AGO = "01HF0000000000000000000000"
"""The id of a run of 2023: one without events is taken for one that is about to start while it is young."""

numbers = st.sampled_from([0, 1, -1, 2, 7, 40, 2**31, 2**53, 2**63, 10**30, -(2**63), 0.5, -0.5, 1e15, 1e300, -1e308])
texts = st.sampled_from([*WORDS, "", "\x00\x1b[2J\u202e\ud800", "a" * 5000, "[/]", "1", "/tmp/x"])
leaves = st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)
USUAL: dict[str, Any] = {
    "step": 5, "loss": 1.5, "seconds": 3.0, "time": 1_700_000_000.0, "ok": True, "exact": True, "label": "tuned",
    "changes": {"training.learning_rate": {"from": 1e-4, "to": 2e-4}}, "files": [{"name": "adapter_x", "bytes": 5}],
    "skipped": [{"path": "/a/b", "reason": "torn"}], "reasons": ["other data"], "message": "words", "total_steps": 40,
    "index": 0, "prompt": "Hi", "answer": "Ho", "state": "finished", "place": 1, "of": 2, "epoch": 0.5, "tokens": 400,
    "step_seconds": 0.5, "perplexity": 4.5, "healthy": True, "path": "/a/checkpoints/step-000005", "bytes": 1000,
}  # fmt: skip


def records(name: str, kinds: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Records that are right but for a few fields, which are anything."""
    odd = st.dictionaries(st.sampled_from(["v", "seq", name, *FIELDS]), values, max_size=4)
    right = st.builds(lambda kind: {**USUAL, name: kind}, st.sampled_from(kinds))
    return st.lists(st.builds(lambda one, other: {**one, **other}, right, odd) | st.builds(dict, odd), max_size=9)


@pytest.fixture
def odd(home: Path) -> Run:
    """A run whose journals are about to become odd, beside one that is as it should be."""
    for name in ("good", "odd"):
        run = create(Recipe.model_validate({"run": {"name": name}}))
        with JournalWriter(run.events_file) as events:
            events.append(event="ended", state="finished", reason="")
    return Run(run.path.rename(run.path.with_name(f"{LONG_AGO}-odd")))


def attempt(odd: Run, lines: dict[str, list[dict[str, Any]]], facts: dict[str, Any]) -> None:
    for name, found in lines.items():
        text = "".join(json.dumps({"v": 1, "seq": place, **one}) + "\n" for place, one in enumerate(found, 1))
        (odd.path / name).write_text(text)
    for file in (odd.run_file, odd.owner_file, odd.data_file):
        file.write_text(json.dumps(facts))
    for command in ("runs", "show odd", "show odd --json", "log odd", "plot odd", "follow odd", "queue"):
        output = StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            code = main(command.split())
        assert code in (0, 1) or command == "plot odd", (command, output.getvalue())
        if command == "runs":
            assert "  good  " in output.getvalue()
    look(odd)


def look(odd: Run) -> None:
    """What the screen makes of it, at two widths."""
    lines = RunList().poll()
    assert {line.run.name for line in lines} == {"good", "odd"}
    view = RunView(odd)
    view.refresh()
    for width in (60, 160):
        assert all(run_row(line, width, 1_700_000_000.0) for line in lines)
        assert header_lines(view, width, Moment(1_700_000_000.0))
    event_texts(view)
    book = SampleBook()
    book.take(view.samples)
    book.pages()
    curves = RunCurves(charted("sft"))
    while not curves.catch_up(view):
        pass
    for axis in AXES:
        extent = curves.extent(axis)
        if extent is None:
            continue
        end = view.summary.total_steps if axis == "step" else None
        window = ChartWindow(axis, *Viewport().window(*extent, end=end, final=True))
        for metric in curves.values:
            drawn, marks = curves.lines(metric), event_marks(view, curves.steps, axis)
            Plot(drawn, marks=marks).frame(window, 60, 12, 0.0)
            Plot(drawn, log=True).frame(window, 60, 12, 0.0)


@pytest.fixture(autouse=True)
def sparing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "12")
    yield
    shutil.rmtree(Path(os.environ["TUITUNE_HOME"]), ignore_errors=True)


JOURNALS = {
    "events.jsonl": records("event", EVENTS),
    "metrics.jsonl": records("kind", METRIC_KINDS),
    "samples.jsonl": records("kind", ["sample", "resumed"]),
}
lines = st.fixed_dictionaries(JOURNALS)
facts = st.dictionaries(
    st.sampled_from(["created_at", "uptime", "host", "boot_id", "pid", "train"]), values, max_size=4
)
unhurried = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)


@given(lines=lines, facts=facts)
@settings(unhurried, max_examples=10)
def test_any_journal_is_shown_and_hides_no_other_run(odd: Run, lines: Any, facts: Any) -> None:
    attempt(odd, lines, facts)


@pytest.mark.slow
@given(lines=lines, facts=facts)
@settings(unhurried, max_examples=1_000)
def test_a_thousand_journals_are_shown_and_hide_no_other_run(odd: Run, lines: Any, facts: Any) -> None:
    attempt(odd, lines, facts)
