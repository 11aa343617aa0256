"""The list of runs as the home screen shows it, kept up to date from disk at little cost. Knows nothing of Textual."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tuitune.runs.read import glance
from tuitune.runs.read.glance import Glance
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run, list_runs
from tuitune.views.run_line import READING, RunLine

_SLICE_SECONDS = 0.1
_RECORDS_AT_ONCE = 1_000
_LAST = 1_000_000


class RunList:
    """Every run of the runs folder: those at work first, then those that wait, in the order of the queue, then the
    paused ones, then the ended ones; newest first.

    Runs at work are followed by what their journals gained; one at rest is read once, and again only when its events
    changed. `complete` says whether every run had been read when `poll` returned.
    """

    def __init__(self) -> None:
        self.complete = False
        self._views: dict[Run, RunView] = {}
        self._lines: dict[Run, tuple[list[int], RunLine]] = {}

    def poll(self, cancelled: Callable[[], bool] = lambda: False) -> list[RunLine]:
        """The list as it is now. Reads for about a tenth of a second at most; what is left waits for the next call."""
        runs = list_runs()
        self._forget(set(runs))
        deadline = time.monotonic() + _SLICE_SECONDS
        lines = [self._line(run, lambda: cancelled() or time.monotonic() > deadline) for run in runs]
        self.complete = all(line.state != READING for line in lines)
        if any(line.state == "queued" for line in lines):
            lines = _placed(lines)
        return sorted(lines, key=_rank)

    def _forget(self, present: set[Run]) -> None:
        for gone in self._lines.keys() - present:
            del self._lines[gone]
        for gone in self._views.keys() - present:
            del self._views[gone]

    def _line(self, run: Run, late: Callable[[], bool]) -> RunLine:
        stamp = files.stamp(run.events_file)
        known_stamp, known = self._lines.get(run, ([], RunLine(run)))
        if (known.state in AT_REST and stamp == known_stamp) or late() or (found := self._look(run, late)) is None:
            return known
        line = _describe(run, found)
        self._lines[run] = (stamp, line)
        if line.state in AT_REST:
            self._views.pop(run, None)
        return line

    def _look(self, run: Run, late: Callable[[], bool]) -> Glance | None:
        """The run at a glance; None where it was not read to the end in time."""
        if run not in self._views and (kept := glance.kept_of(run)) is not None:
            return kept
        made_of = glance.stamps(run)
        view = self._views[run] = self._views.get(run) or RunView(run)
        view.refresh(_RECORDS_AT_ONCE)
        while not view.complete and not late():
            view.refresh(_RECORDS_AT_ONCE)
        return glance.keep(run, view, made_of) if view.complete else None


def _placed(lines: list[RunLine]) -> list[RunLine]:
    """The lines, those of waiting runs with their place in the queue."""
    from tuitune.runs.queue.order import waiting

    queued = waiting()
    places = {run: place for place, run in enumerate(queued, 1)}
    return [
        replace(line, place=places[line.run], waiting=len(queued))
        if line.state == "queued" and line.run in places
        else line
        for line in lines
    ]


def _rank(line: RunLine) -> tuple[int, int]:
    if line.live:
        return (1, line.place or _LAST) if line.state == "queued" else (0, 0)
    return (2, 0) if line.state == "paused" else (3, 0)


def _describe(run: Run, found: Glance) -> RunLine:
    summary = found.summary
    return RunLine(
        run=run,
        state=summary.state,
        live=summary.state not in AT_REST,
        reason=summary.reason,
        phase=found.phase,
        model=_source(summary.recipe.get("model", {}).get("id", "")),
        data=_source(summary.recipe.get("data", {}).get("train", "")),
        step=summary.step,
        total_steps=summary.total_steps,
        loss=summary.telling_loss,
        losses=found.losses,
        tokens_per_second=summary.tokens_per_second,
        eta_seconds=summary.eta_seconds,
        created_at=summary.created_at,
        ended_at=summary.ended_at,
        spent=found.spent,
        alerts=found.alerts,
        alert=found.alert,
    )


def _source(source: str) -> str:
    """A bundled name or Hub id as it is; of a path its last part."""
    return Path(source).name if source.startswith("/") else source
