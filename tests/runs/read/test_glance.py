"""What lists show of a long run is kept beside its journals, and never believed over them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest

from tuitune.recipe.schema import Recipe
from tuitune.runs.control.amendment import amend
from tuitune.runs.read import glance
from tuitune.runs.read.summary import RunView, summarize
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.views.run_list import RunList

KEPT = ".glance.json"


@pytest.fixture
def long(home: object) -> Run:
    """A finished run of 200 steps, with an error on the way."""
    run = create(Recipe.model_validate({"run": {"name": "long"}}))
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="plan", total_steps=200)
        for number in range(1, 201):
            metrics.append(
                kind="step", step=number, loss=2 / number, epoch=number / 100, step_seconds=0.5, tokens=number
            )
        metrics.append(kind="alert", id="x", level="error", message="the loss rises", step=200)
    end(run)
    return run


def end(run: Run, **fields: Any) -> None:
    with JournalWriter(run.events_file) as events:
        events.append(**{"event": "ended", "state": "finished", "reason": "", **fields})


def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on no journal is read from its beginning."""

    def refuse(*_: object) -> None:
        raise AssertionError("a journal is read again")

    monkeypatch.setattr(RunView, "refresh", refuse)


def test_the_second_look_reads_no_journal_and_shows_the_same(long: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = glance.look(long)
    assert asdict(first.summary) == asdict(summarize(long))
    assert (first.alerts, first.alert, len(first.losses)) == (1, "the loss rises", 16)
    lines = RunList().poll()
    unread(monkeypatch)
    assert glance.look(long) == first
    assert RunList().poll() == lines
    assert (lines[0].step, lines[0].total_steps, lines[0].loss) == (200, 200, 0.01)


def test_the_list_keeps_what_it_has_read_too(long: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = RunList().poll()
    assert (long.path / KEPT).stat().st_mode & 0o777 == 0o600
    unread(monkeypatch)
    assert RunList().poll() == lines


def test_what_came_since_counts(long: Run) -> None:
    assert glance.look(long).summary.step == 200
    with JournalWriter(long.metrics_file) as metrics:
        metrics.append(kind="step", step=201, loss=0.5)
    assert glance.look(long).summary.step == 201
    amend(long, {"run.notes": "changed"})
    assert glance.look(long).summary.recipe["run"]["notes"] == "changed"
    end(long, state="failed", reason="no more")
    assert glance.look(long).summary.state == "failed"


@pytest.mark.parametrize("damage", ["bit", "figure", "torn", "empty", "list", "link"])
def test_a_damaged_one_is_made_anew(long: Run, damage: str, tmp_path: Any) -> None:
    right = glance.look(long)
    kept = long.path / KEPT
    content = kept.read_bytes()
    record = json.loads(content)
    record["glance"]["summary"]["loss"] = 9.75
    kept.unlink()
    match damage:
        case "bit":
            kept.write_bytes(content.replace(b'"step": 200', b'"step": 600'))
        case "figure":
            kept.write_text(json.dumps(record))
        case "torn":
            kept.write_bytes(content[:200])
        case "empty":
            kept.write_bytes(b"")
        case "list":
            kept.write_text("[1]")
        case "link":
            (tmp_path / "other").write_bytes(content)
            kept.symlink_to(tmp_path / "other")
    assert glance.look(long) == right
    assert json.loads(kept.read_bytes())["glance"]["summary"]["step"] == 200
    assert not kept.is_symlink()


def test_nothing_is_kept_of_a_run_that_goes_on_or_is_short(home: object) -> None:
    short = create(Recipe.model_validate({"run": {"name": "short"}}))
    end(short)
    assert glance.look(short).summary.state == "finished"
    waiting = create(Recipe.model_validate({"run": {"name": "waiting"}}))
    waiting.metrics_file.write_text('{"v": 1, "kind": "step", "step": 1}\n' * 1000)
    assert glance.look(waiting).summary.state == "queued"
    assert not (short.path / KEPT).exists() and not (waiting.path / KEPT).exists()
    assert all(math.isnan(loss) for loss in RunView(waiting).steps["loss"])
