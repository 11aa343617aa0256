"""The head of the monitor: how the run is doing, in two lines; why it ended and where its adapter is, below."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from textual.content import Content

from tuitune.objectives import METRICS
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView, Summary
from tuitune.runs.read.usage import result
from tuitune.runs.store.records.training import Answered, Phase
from tuitune.text import clean
from tuitune.tui.monitor.run_status import (
    Moment,
    ended_at,
    engine_started,
    limit_figures,
    queue_lines,
    remarks,
    resumed_figure,
    waiting_line,
    wrapped,
)
from tuitune.tui.widgets.bars import Figure, joined, labelled, progress_bar, state_content
from tuitune.tui.widgets.rows import Rows
from tuitune.units import bytes_text, clock_text, count_text, duration_text, number_text, percent_text


class RunHeader(Rows):
    """State, name and progress; the figures of the moment or the result; the reason of an unplanned end."""

    DEFAULT_CSS = "RunHeader { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._phase: Phase | None = None
        self._phase_began_at = 0

    def show_run(self, view: RunView, *, asked: str = "", place: tuple[int, int] = (0, 0), foreign: str = "") -> None:
        """`asked`, `place` and `foreign` as in `Moment`."""
        width = max((self.size.width or self.screen.size.width - 2), 20)
        moment = Moment(time.time(), self._busy(view), asked, place, foreign)
        self.show_lines(header_lines(view, width, moment))

    def _busy(self, view: RunView) -> str:
        """The phase announced since the newest step, if it came while we watched."""
        if view.phase is not self._phase:
            seen_before = self._phase is not None
            self._phase, self._phase_began_at = view.phase, len(view.steps) if seen_before else -1
        if view.phase is None or view.phase.phase == "training" or self._phase_began_at != len(view.steps):
            return ""
        return view.phase.text


def header_lines(view: RunView, width: int, moment: Moment) -> list[Content]:
    """The lines of the header at `width` cells."""
    summary = view.summary
    state = summary.state
    at_rest = state in AT_REST
    lines = [_first_line(view, state, width)]
    if at_rest:
        lines.append(joined(_results(view, moment), width))
    elif state == "training" and len(view.steps):
        lines.append(joined(_moment(view, moment), width))
    elif state == "queued":
        lines += queue_lines(view, moment, width)
    else:
        lines.append(waiting_line(view, state, moment, width))
    for text, colour in remarks(view, moment):
        lines += wrapped(text, width, colour)
    if at_rest and (folder := result(view.run)) is not None:
        lines.append(joined([("u shows how to use it", "$accent bold"), labelled(folder.name, clean(str(folder)))]))
    return lines


def _first_line(view: RunView, state: str, width: int) -> Content:
    summary = view.summary
    name = clean(summary.name, limit=64)
    left = Content.assemble(state_content(state), "  ", (name, "bold"))
    step, total = summary.step, summary.total_steps
    if total is None:
        return left
    share = min((step or 0) / total, 1.0) if total > 0 else 0.0
    figures: list[Figure] = [f"step {_whole(step or 0)} / {_whole(total)}"]
    if summary.epoch is not None:
        figures.append(labelled("epoch", f"{summary.epoch:.2f}" if summary.epoch < 1e6 else number_text(summary.epoch)))
    right = Content.assemble(f"{int(100 * share + 1e-9):>3} %  ", joined(figures))
    room = width - left.cell_length - right.cell_length - 4
    if room < 6:
        left = left.truncate(max(width - right.cell_length - 2, 10), ellipsis=True)
        return Content.assemble(left, " " * max(width - left.cell_length - right.cell_length, 1), right)
    return Content.assemble(left, "  ", progress_bar(share, room), "  ", right)


def _whole(number: int) -> str:
    """`1,200`; a number of no run in powers of ten."""
    return f"{number:,}" if abs(number) < 10**9 else number_text(number)


def _moment(view: RunView, moment: Moment) -> Iterator[Figure | None]:
    """The figures of a run that trains."""
    summary = view.summary
    if moment.asked:
        yield (moment.asked, "$accent bold")
    if summary.eta_seconds is not None:
        yield labelled("ETA", duration_text(summary.eta_seconds), "bold")
        yield labelled("ends", clock_text(moment.now + summary.eta_seconds))
    if moment.busy:
        yield (clean(moment.busy, limit=60), "$accent")
    yield from limit_figures(view, engine_started(view))
    if took := view.time_spent(moment.now):
        yield took
    if summary.tokens_per_second is not None:
        yield METRICS["tokens_per_second"].shown(summary.tokens_per_second)
    yield resumed_figure(view)
    yield from _held_out(view)
    yield from _memory(view)


def _results(view: RunView, moment: Moment) -> Iterator[Figure | None]:
    """The figures of a run at rest, after what a person does next with one that did not finish."""
    summary = view.summary
    if summary.state != "finished" and not moment.foreign:
        yield (_way_on(summary), "$accent bold")
    yield from _held_out(view)
    yield from _answers(view)
    metric, newest = view.leading
    if newest is not None:
        yield labelled(metric.title, metric.shown(newest))
    if took := view.time_spent():
        yield took
    yield labelled("paused" if summary.state == "paused" else "ended", clock_text(ended_at(view)))
    yield from _memory(view)
    if view.broken:
        yield (f"{view.broken:,} unreadable line{'' if view.broken == 1 else 's'} in its journal", "$warn")


def _way_on(summary: Summary) -> str:
    """What a person does next: what failed before its first checkpoint is likely to fail again as it is."""
    if summary.checkpoint is not None:
        return f"press r to resume from step {summary.checkpoint:,}"
    if summary.state == "failed":
        return "press a to edit its recipe, r to try it again as it is"
    return "press r to resume from the beginning (no checkpoint)"


def _memory(view: RunView) -> Iterator[Figure]:
    """The most memory that it took; on a GPU with what was reserved for it and what CUDA itself takes."""
    for kind, label in (("peak", "peak"), ("reserved", "reserved"), ("context", "CUDA context")):
        if view.memory[kind]:
            yield labelled(label, bytes_text(view.memory[kind]))


def _held_out(view: RunView) -> Iterator[Figure]:
    yield from _change("perplexity", *view.perplexities, lambda one: f"{one:.3g}" if one < 1000 else count_text(one))
    for metric, change in view.held_out_changes:
        yield from _change(metric.short or metric.title, *change, metric.shown)


def _answers(view: RunView) -> Iterator[Figure]:
    """Base → tuned shares of the answers check, where it was made."""
    measured = {answered.label: answered for answered in view.answers}
    base, tuned = (measured.get(label, Answered()) for label in ("base", "tuned"))
    yield from _change("valid JSON", base.valid_json, tuned.valid_json, percent_text)
    yield from _change("exact", base.exact, tuned.exact, percent_text)


def _change(label: str, base: float | None, tuned: float | None, text: Callable[[float], str]) -> Iterator[Figure]:
    """`label base → tuned`, as far as the two are known."""
    if tuned is not None:
        yield labelled(label, Content.assemble(f"{text(base)} → " if base is not None else "", (text(tuned), "bold")))
    elif base is not None:
        yield labelled(label, f"{text(base)} base")
