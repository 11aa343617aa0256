"""News of a run that is resumed: what was told before is not told again, whatever the clock says."""

from __future__ import annotations

import time

import pytest

from tuitune.cli.follow import News, past
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import create
from tuitune.runs.store.journal import JournalWriter


def alert(message: str) -> dict[str, str]:
    return {"kind": "alert", "id": "x", "level": "warning", "message": message}


@pytest.mark.parametrize("step", [-3600, 0, 3600])
def test_what_came_after_is_told_though_the_clock_has_stepped(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create(Recipe())
    with JournalWriter(run.metrics_file) as metrics, JournalWriter(run.events_file) as events:
        metrics.append(**alert("of old"))
        events.append(event="retry", reason="of old")
        before, now = past(run), time.time()
        monkeypatch.setattr(time, "time", lambda: now + step)
        metrics.append(**alert("new"))
        monkeypatch.setattr(time, "time", lambda: now + step - 60)
        metrics.append(**alert("newer"))
        events.append(event="retry", reason="newest")
    news = News(run, before)
    assert sorted(news.poll()) == ["retried: newest", "warning: new", "warning: newer"]
    told = News(run).poll()
    assert len(told) == 5 and told.index("warning: new") < told.index("warning: newer")
    assert news.poll() == []
