"""Following a run to its end: a progress bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tuitune.cli.output import note, say
from tuitune.runs.state import ENDED
from tuitune.runs.summary import RunView
from tuitune.text import clean
from tuitune.units import bytes_text, duration_text, number_text

if TYPE_CHECKING:
    from tuitune.runs.directory import Run

POLL_SECONDS = 0.25
LINE_SECONDS = 5.0


def follow_to_end(run: Run, *, quiet: bool = False) -> int:
    """Watch `run` until it has ended: 0 finished or stopped, 1 failed or crashed, 130 on Ctrl-C (the run goes on)."""
    view = RunView(run)
    watcher = _Silent() if quiet else _Bar() if sys.stdout.isatty() else _Lines()
    try:
        with watcher:
            while True:
                view.refresh()
                watcher.update(view)
                if view.summary.state in ENDED:
                    break
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        note(f"\n{run.name} goes on: `tuitune follow {run.id}` watches it again, `tuitune stop {run.id}` ends it")
        return 130
    return 0 if view.summary.state in ("finished", "stopped") else 1


class _Silent:
    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *exception: object) -> None:
        return

    def update(self, view: RunView) -> None:
        return


class _Lines(_Silent):
    """A line for each phase and evaluation, and one every few seconds while training."""

    def __init__(self) -> None:
        self._phase = ""
        self._evaluations = 0
        self._last_line = 0.0
        self._step: int | None = None

    def update(self, view: RunView) -> None:
        phase = (view.phase or {}).get("text") or self._phase
        due = phase != self._phase or time.monotonic() - self._last_line >= LINE_SECONDS or view.summary.state in ENDED
        if due and view.summary.step not in (None, self._step):
            self._last_line, self._step = time.monotonic(), view.summary.step
            say(_step_line(view))
        for evaluation in view.evaluations[self._evaluations :]:
            loss, perplexity = number_text(evaluation["loss"]), number_text(evaluation["perplexity"])
            say(f"step {evaluation['step'] or 0:>6.0f}  held-out loss {loss}  perplexity {perplexity}")
        self._evaluations = len(view.evaluations)
        if phase != self._phase:
            self._phase = phase
            say(clean(phase))


class _Bar(_Silent):
    """One live line: phase, bar, step, loss, rate, time left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.fields[text]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
        )
        self._task = self._progress.add_task("", total=None, text="starting", figures="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, view: RunView) -> None:
        summary, phase = view.summary, view.phase or {}
        if phase.get("phase") == "training" and summary.total_steps:
            self._progress.update(
                self._task,
                text=summary.state,
                completed=summary.step or 0,
                total=summary.total_steps,
                figures=_step_line(view),
            )
        else:
            text = clean(phase.get("text") or summary.state, limit=60)
            self._progress.update(
                self._task, text=text, completed=phase.get("done") or 0, total=phase.get("total"), figures=""
            )


def _step_line(view: RunView) -> str:
    summary = view.summary
    figures = [f"step {summary.step or 0:>6}/{summary.total_steps or '–'}", f"loss {number_text(summary.loss)}"]
    if summary.tokens_per_second:
        figures.append(f"{summary.tokens_per_second:,.0f} tok/s")
    if summary.peak_memory_bytes:
        figures.append(f"peak {bytes_text(summary.peak_memory_bytes)}")
    if summary.state not in ENDED and summary.eta_seconds is not None:
        figures.append(f"ETA {duration_text(summary.eta_seconds)}")
    return "  ".join(figures)
