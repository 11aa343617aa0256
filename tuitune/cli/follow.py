"""Following a run to where it rests: a progress bar on a terminal, plain lines in a pipe, with its news a line each."""

from __future__ import annotations

import argparse
import heapq
import sys
import time
from contextlib import AbstractContextManager

from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_answer, say_json
from tuitune.cli.run_report import say_run
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView, summarize
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalReader, last_seq
from tuitune.runs.store.records import Record, event_line, metric_line, number, whole
from tuitune.runs.store.records.lifecycle import Amended, Heard, NotifyFailed, Retry, Silent
from tuitune.runs.store.records.training import Alert, Evaluation, Phase, Resumed, Step, Tuned
from tuitune.text import clean
from tuitune.units import bytes_text, count_text, duration_text
from tuitune.views.event_texts import words

POLL_SECONDS = 0.25
LINE_SECONDS = 5.0
_TEXT_WIDTH = 72

Past = tuple[int, int]
"""How far a run's journals had come: the numbers of the last event and of the last of its metrics."""


def past(run: Run) -> Past:
    return last_seq(run.events_file), last_seq(run.metrics_file)


def follow_started(run: Run, options: argparse.Namespace, *, after: Past | None = None) -> int:
    """Follow a run that was just started and print what became of it, of its past what came `after`; with `--detach`
    its id alone. The verb's exit code.
    """
    if options.detach:
        say_answer(options.json, summarize(run).as_json(), run.id)
        note(f"{run.name} starts when a device is free; `tuitune follow {run.id}` watches it")
        return Exit.DONE
    code = follow_to_rest(run, quiet=options.json, after=after)
    if options.json:
        say_json(summarize(run).as_json())
    elif code != Exit.INTERRUPTED:
        say("")
        say_run(run)
    return code


def follow_to_rest(run: Run, *, quiet: bool = False, after: Past | None = None) -> int:
    """Watch `run` until no process works on it: 0 finished, stopped or paused, 1 failed or crashed, 130 on Ctrl-C
    (the run goes on). Of its past, only what came `after` is told.
    """
    news, told = News(run, after or (0, 0)), summarize(run).step if after else None
    try:
        summary = watch(run, Watcher() if quiet else _Bar(news) if sys.stdout.isatty() else _Lines(news, told)).summary
    except KeyboardInterrupt:
        note(f"\n{run.name} keeps running: `tuitune follow {run.id}` watches it again, `tuitune stop {run.id}` ends it")
        return Exit.INTERRUPTED
    if summary.state == "paused" and not quiet:
        note(f"{run.name} is paused: `tuitune resume {run.id}` resumes it")
    return Exit.FAILED if summary.state in ("failed", "crashed") else Exit.DONE


class Watcher(AbstractContextManager["Watcher"]):
    """Shows how a run gets on, each time that its `update` is called; this one shows nothing."""

    done = False
    """Whether it needs to see no more, though the run is at work."""

    def __exit__(self, *exception: object) -> None:
        return

    def update(self, view: RunView) -> None:
        return


def watch(run: Run, watcher: Watcher) -> RunView:
    """Show a run until no process works on it, or the watcher is done; what is known of it then."""
    view = RunView(run)
    with watcher:
        while True:
            view.refresh()
            watcher.update(view)
            if view.summary.state in AT_REST or watcher.done:
                return view
            time.sleep(POLL_SECONDS)


class _Lines(Watcher):
    """A line for each phase and each piece of news, and one every few seconds while training or while a phase gets on;
    none for the step that was `told` before.
    """

    def __init__(self, news: News, told: int | None) -> None:
        self._news = news
        self._doing = ""
        self._far = ""
        self._last_line = 0.0
        self._last_phase_line = 0.0
        self._step = told

    def update(self, view: RunView) -> None:
        doing, state = _doing(view), view.summary.state
        due = doing != self._doing or time.monotonic() - self._last_line >= LINE_SECONDS or state in AT_REST
        if due and view.summary.step not in (None, self._step):
            self._last_line, self._step = time.monotonic(), view.summary.step
            say(_step_line(view))
        say(*self._news.poll())
        self._tell_phase(doing, _how_far(view))

    def _tell_phase(self, doing: str, far: str) -> None:
        """A line where the phase is new, or has got on since the last one, which is some seconds old."""
        now = time.monotonic()
        new = doing != self._doing
        if new or (far not in ("", self._far) and now - self._last_phase_line >= LINE_SECONDS):
            self._doing, self._far, self._last_phase_line = doing, far, now
            say(doing if new else f"{doing}: {far}")


class _Bar(Watcher):
    """One live line: phase, bar, step, loss, rate, time left; news is printed above it.

    The terminal's bell rings for an alert, and when the run comes to rest, unless it was so from the first.
    """

    def __init__(self, news: News) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._news = news
        self._progress = Progress(
            TextColumn("{task.fields[text]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}", markup=False),
        )
        self._task = self._progress.add_task("", total=None, text="starting", figures="")
        self._watching = False

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, view: RunView) -> None:
        news = self._news.poll()
        for line in news:
            self._progress.console.print(line, markup=False, highlight=False)
        alarming = any(line.startswith(("warning: ", "error: ")) for line in news)
        if self._watching and (alarming or view.summary.state in AT_REST):
            self._progress.console.bell()
        self._watching = True
        summary, phase = view.summary, view.phase or Phase()
        training = summary.state == "training" and phase.phase == "training"
        if summary.total_steps and (training or summary.state in AT_REST):
            self._show(summary.state, summary.step or 0, summary.total_steps, _step_line(view))
        elif summary.state in ("starting", "training"):
            self._show(_doing(view), phase.done or 0, phase.total)
        else:
            self._show(_doing(view), 0, None)

    def _show(self, text: str, done: float, total: float | None, figures: str = "") -> None:
        text = clean(text, limit=_TEXT_WIDTH)
        self._progress.update(self._task, completed=done, total=total, text=text, figures=figures)


def _doing(view: RunView) -> str:
    """What the run is at, in words: the phase of its engine, or its state with what it waits for."""
    summary = view.summary
    if view.phase and view.end is None and summary.state in ("starting", "training"):
        return clean(view.phase.text)
    if summary.state == "queued":
        return f"queued: {summary.reason}" if summary.reason else "starting"
    return f"stopping: {summary.reason}" if summary.state == "stopping" and summary.reason else summary.state


def _how_far(view: RunView) -> str:
    """`12 of 51 batches` while a phase of the engine counts what it does; "" else."""
    phase = view.phase or Phase()
    done, total, unit = phase.done, phase.total, phase.unit
    if done is None or view.end is not None:
        return ""
    amount = bytes_text if unit == "bytes" else count_text
    return clean(f"{amount(done)}{f' of {amount(total)}' if total else ''}{'' if unit == 'bytes' else f' {unit}'}")


def _step_line(view: RunView) -> str:
    summary = view.summary
    total = f"{summary.total_steps:,}" if summary.total_steps else "–"
    metric, newest = view.leading
    figures = [f"step {summary.step or 0:>6,}/{total}", f"{metric.title} {metric.shown(newest)}"]
    if summary.tokens_per_second:
        figures.append(f"{summary.tokens_per_second:,.0f} tok/s")
    if summary.peak_memory_bytes:
        figures.append(f"peak {bytes_text(summary.peak_memory_bytes)}")
    if summary.state not in AT_REST and summary.eta_seconds is not None:
        figures.append(f"ETA {duration_text(summary.eta_seconds)}")
    return "  ".join(figures)


class News:
    """What happens to a run, a line each, since the last `poll`; the first gives all that was recorded `after` some
    moment of its past. Older news first.
    """

    def __init__(self, run: Run, after: Past = (0, 0)) -> None:
        readers = JournalReader(run.events_file), JournalReader(run.metrics_file)
        self._readers = tuple(zip(readers, after, strict=True))

    def poll(self) -> list[str]:
        new = [[one for one in reader.poll() if (whole(one, "seq") or 0) > seen] for reader, seen in self._readers]
        return [clean(line) for record in heapq.merge(*new, key=_time) if (line := _line(record))]


def _line(record: Record) -> str:
    if record.get("kind") == Step.kind:
        return ""
    line = event_line(record) if "event" in record else metric_line(record)
    if not isinstance(line, _NEWS):
        return ""
    level = (line.level or "warning") if isinstance(line, Alert) else _LEVELS.get(type(line))
    return f"{level}: {words(line)}" if level else words(line)


_LEVELS = {Silent: "warning", NotifyFailed: "warning"}
_NEWS = (Evaluation, Resumed, Alert, Tuned, Amended, Retry, Heard, *_LEVELS)


def _time(record: Record) -> float:
    return number(record, "time") or 0.0
