"""News of runs: said once, on whatever screen, and never of what was so before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.tui.conftest import MakeRun, until, write_events
from tests.tui.payloads import shot_of
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.app import TuituneApp
from tuitune.tui.runs.run_alerts import RunAlerts
from tuitune.tui.runs.screen import RunsScreen
from tuitune.views.run_line import READING, RunLine

RUN = Run(Path("/runs/one"))


def said(*lines: RunLine) -> list[str]:
    """What is said of a run that goes through these states, all but the first time."""
    herald = RunAlerts()
    return [one.message for number, line in enumerate(lines) for one in herald.news([line]) if number or one]


def at_work(**fields: object) -> RunLine:
    return RunLine(RUN, "training", live=True, created_at=1.0, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "reason", "message", "severity"),
    [
        ("finished", "", "one finished", "information"),
        ("stopped", "its budget is spent", "one stopped: its budget is spent", "warning"),
        ("stopped", "stopped on request at step 3", "one: stopped on request at step 3", "warning"),
        ("paused", "", "one is paused", "warning"),
        ("failed", "CUDA out of memory", "one failed: CUDA out of memory", "error"),
        ("crashed", "its supervisor was killed", "one crashed: its supervisor was killed", "error"),
    ],
)
def test_a_run_that_comes_to_rest_is_news_once(state: str, reason: str, message: str, severity: str) -> None:
    herald, rest = RunAlerts(), RunLine(RUN, state, reason=reason, created_at=1.0, ended_at=2.0)
    assert not herald.news([at_work()])
    (news,) = herald.news([rest])
    assert (news.message, news.severity) == (message, severity)
    assert not herald.news([rest])


def test_what_was_so_at_the_start_is_no_news() -> None:
    assert not said(RunLine(RUN, "failed", created_at=1.0, alerts=3, alert="old"))
    assert not said(RunLine(RUN, READING), RunLine(RUN, "failed", created_at=1.0))
    assert not said(at_work(alerts=2, alert="old"), at_work(alerts=2, alert="old"))


def test_a_run_that_started_and_ended_between_two_looks_is_news() -> None:
    assert said(RunLine(RUN, "failed", reason="no such file", created_at=time.time() + 1)) == [
        "one failed: no such file"
    ]


def test_the_end_of_a_later_life_is_news_again_even_when_nobody_saw_it_at_work() -> None:
    first = RunLine(RUN, "paused", created_at=1.0, ended_at=2.0)
    second = RunLine(RUN, "failed", reason="disk full", created_at=1.0, ended_at=9.0)
    assert said(first, second) == ["one failed: disk full"]


def test_each_error_alert_is_said_once() -> None:
    quiet, loud = at_work(), at_work(alerts=1, alert="the loss is not a number: lower the learning rate")
    assert said(quiet, loud, loud) == ["one: the loss is not a number: lower the learning rate"]


async def test_news_reach_the_person_on_any_screen(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing something else while a run of yours ends, and another raises an alert."""
    ends, alerts = (make_run(name, state="training", steps=3, total=9) for name in ("ends", "alerts"))
    bells: list[int] = []
    monkeypatch.setattr(TuituneApp, "bell", lambda self: bells.append(1))
    async with TuituneApp().run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: "alerts" in shot_of(pilot.app).text)
        await pilot.press("n")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "compose")
        assert not bells
        write_events(ends, "failed", "CUDA out of memory")
        await until(pilot, lambda: "ends failed: CUDA out of memory" in shot_of(pilot.app).text, 8)
        with JournalWriter(alerts.metrics_file) as metrics:
            metrics.append(kind="alert", id="not-finite", level="error", message="the loss is not a number")
        await until(pilot, lambda: "alerts: the loss is not a number" in shot_of(pilot.app).text, 8)
        assert len(bells) == 2


async def test_the_list_stays_alive_behind_a_window(make_run: MakeRun) -> None:
    run = make_run("moving", state="training", steps=10, total=50)
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "10/50" in shot_of(pilot.app).text)
        await pilot.press("question_mark")
        with JournalWriter(run.metrics_file) as metrics:
            metrics.append(kind="step", step=11, loss=0.125, step_seconds=0.3)
        await until(pilot, lambda: "11/50" in shot_of(pilot.app).text)
        assert "Keys: runs" in shot_of(pilot.app).text


async def test_news_reach_a_monitor_that_was_opened_first(make_run: MakeRun) -> None:
    watched, other = (make_run(name, state="training", steps=3, total=9) for name in ("watched", "other"))
    async with TuituneApp(watched).run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "monitor")
        home = pilot.app.screen_stack[0]
        assert isinstance(home, RunsScreen)
        await until(pilot, lambda: home.still_live() == 2)
        write_events(other, "failed", "CUDA out of memory")
        await until(pilot, lambda: "other failed: CUDA out of memory" in shot_of(pilot.app).text, 8)
