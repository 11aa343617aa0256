"""The head of the monitor: how the run is doing, in two lines; why it ended and where its adapter is, below."""

from __future__ import annotations

import time
from collections.abc import Iterator

from textual.content import Content

from tuitune.runs.journal import Record
from tuitune.runs.state import ENDED
from tuitune.runs.summary import RunView
from tuitune.text import clean
from tuitune.tui.glyphs import state_content
from tuitune.tui.widgets.bars import Figure, joined, labelled, progress_bar
from tuitune.tui.widgets.rows import Rows
from tuitune.units import bytes_text, clock_text, count_text, duration_text, number_text, percent_text

REASON_LINES = 8


class RunHeader(Rows):
    """State, name and progress; the figures of the moment or the result; the reason of an unplanned end."""

    DEFAULT_CSS = "RunHeader { padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._phase: Record | None = None
        self._phase_began_at = 0

    def show_run(self, view: RunView, *, stopping: bool = False, now: float | None = None) -> None:
        """`stopping`: a stop was asked for here and may not be acknowledged yet. `now`: seconds since the epoch."""
        width = max((self.size.width or self.screen.size.width - 2), 20)
        now = time.time() if now is None else now
        self.show_lines(header_lines(view, width, now, stopping=stopping, busy=self._busy(view)))

    def _busy(self, view: RunView) -> str:
        """The phase announced since the newest step, if it came while we watched."""
        if view.phase is not self._phase:
            seen_before = self._phase is not None
            self._phase, self._phase_began_at = view.phase, len(view.steps) if seen_before else -1
        if view.phase is None or view.phase["phase"] == "training" or self._phase_began_at != len(view.steps):
            return ""
        return str(view.phase["text"])


def header_lines(view: RunView, width: int, now: float, *, stopping: bool = False, busy: str = "") -> list[Content]:
    """The lines of the header at `width` cells. `busy`: what the engine does between steps (an evaluation, a save)."""
    summary = view.summary
    state = "stopping" if stopping and summary.state not in ENDED else summary.state
    ended = state in ENDED
    lines = [_first_line(view, state, width)]
    if ended:
        lines.append(joined(_results(view), width))
    elif state == "training" and len(view.steps):
        lines.append(joined(_moment(view, now, busy), width))
    else:
        lines.append(_waiting(view, state, now, width))
    if summary.reason and state != "finished":
        colour = "$bad" if state in ("failed", "crashed") else "$faint"
        lines += _wrapped(summary.reason, width, colour)
    if ended and summary.adapter:
        lines.append(labelled("adapter", clean(summary.adapter)))
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
    right = Content.assemble(f"{share:4.0%}  ", joined(figures))
    room = width - left.cell_length - right.cell_length - 4
    if room < 6:
        left = left.truncate(max(width - right.cell_length - 2, 10), ellipsis=True)
        return Content.assemble(left, " " * max(width - left.cell_length - right.cell_length, 1), right)
    return Content.assemble(left, "  ", progress_bar(share, room), "  ", right)


def _whole(number: int) -> str:
    """`1 200`; a number of no run in powers of ten."""
    return f"{number:,}".replace(",", " ") if abs(number) < 10**9 else number_text(number)


def _moment(view: RunView, now: float, busy: str) -> Iterator[Figure | None]:
    """The figures of a run that trains."""
    summary = view.summary
    if summary.eta_seconds is not None:
        yield labelled("ETA", duration_text(summary.eta_seconds), "bold")
        yield labelled("ends", clock_text(now + summary.eta_seconds))
    if summary.started_at is not None:
        yield labelled("elapsed", duration_text(now - summary.started_at))
    if summary.tokens_per_second is not None:
        yield f"{count_text(summary.tokens_per_second)} tok/s"
    if busy:
        yield (clean(busy, limit=60), "$accent")
    yield from _perplexity(view)
    if summary.peak_memory_bytes:
        yield labelled("peak", bytes_text(summary.peak_memory_bytes))


def _results(view: RunView) -> Iterator[Figure | None]:
    """The figures of a run that ended."""
    summary = view.summary
    yield from _perplexity(view)
    yield from _answers(view)
    if summary.loss is not None:
        yield labelled("loss", number_text(summary.loss))
    if summary.started_at is not None and summary.ended_at is not None:
        yield labelled("took", duration_text(summary.ended_at - summary.started_at))
    yield labelled("ended", clock_text(summary.ended_at))
    if summary.peak_memory_bytes:
        yield labelled("peak", bytes_text(summary.peak_memory_bytes))
    if view.broken:
        yield (f"{view.broken} unreadable lines in its journal", "$warn")


def _perplexity(view: RunView) -> Iterator[Figure]:
    base, tuned = (view.summary.perplexity.get(label) for label in ("base", "tuned"))
    if tuned is None and view.evaluations and view.evaluations[-1]["label"] != "base":
        tuned = view.evaluations[-1]["perplexity"]
    if base is not None or tuned is not None:
        yield labelled("perplexity", _change(_figure(base), _figure(tuned)))


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}" if value < 1000 else count_text(value)


def _answers(view: RunView) -> Iterator[Figure]:
    """Base → tuned shares of the answers check, where it was made."""
    measured = {str(record.get("label")): record for record in view.answers}
    for title, key in (("valid JSON", "valid_json"), ("exact", "exact")):
        base, tuned = (_share(measured.get(label), key) for label in ("base", "tuned"))
        if base is not None or tuned is not None:
            yield labelled(title, _change(base, tuned))


def _share(record: Record | None, key: str) -> str | None:
    value = record.get(key) if record else None
    return percent_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _change(base: str | None, tuned: str | None) -> Content:
    if tuned is None:
        return Content(f"{base} base")
    return Content.assemble(f"{base} → " if base is not None else "", (tuned, "bold"))


def _waiting(view: RunView, state: str, now: float, width: int) -> Content:
    """What a run that does not train is at, with a clock that runs: silence looks like a hang."""
    summary, phase = view.summary, view.phase
    since = summary.started_at or summary.created_at
    if phase is None or state == "queued":
        words = {"queued": "waiting for its turn", "starting": "starting the engine"}.get(state, state)
        return joined([words, labelled("for", _clock(now, since)) if since else None], width)
    figures: list[Figure | None] = [clean(phase["text"] or phase["phase"] or "starting", limit=max(width - 26, 20))]
    done, total = phase.get("done"), phase.get("total")
    if done is not None and total:
        figures.append(Content.assemble(progress_bar(done / total, 16), f" {done / total:.0%}"))
    if since is not None:
        figures.append(labelled("elapsed", _clock(now, since)))
    if done is not None:
        amount = bytes_text if phase["unit"] == "bytes" else count_text
        figures.append(f"{amount(done)} of {amount(total)}" if total else amount(done))
    if state == "stopping":
        figures[0] = "saves its adapter at the next step" if phase["phase"] == "training" else figures[0]
    return joined(figures, width)


def _clock(now: float, since: float) -> str:
    seconds = max(0.0, now - since)
    return f"{int(seconds)} s" if seconds < 60 else duration_text(seconds)


def _wrapped(text: str, width: int, colour: str) -> list[Content]:
    lines = Content.styled(clean(text), colour).wrap(width)
    if len(lines) > REASON_LINES:
        lines = [*lines[: REASON_LINES - 1], Content.styled("… `t` and the log say more", colour)]
    return lines
