"""The head of the monitor for a run that does not train: in the queue, starting, being stopped."""

from __future__ import annotations

from textual.content import Content

from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import Exited, PauseRequested, StopRequested
from tuitune.text import clean
from tuitune.tui.monitor.run_status import (
    Moment,
    engine_started,
    escalation_text,
    place_text,
    told_place,
    waiting_since,
)
from tuitune.tui.widgets.bars import Figure, joined, labelled, progress_bar
from tuitune.units import bytes_text, count_text, duration_text, percent_text

REASON_LINES = 8


def queue_lines(view: RunView, moment: Moment, width: int) -> list[Content]:
    """`CPU is busy: training demo · 2nd of 3 in the queue · waiting 3 m`, in as many lines as it takes."""
    reason = clean(view.summary.reason)
    place = place_text(*moment.place) or place_text(*told_place(view))
    since = waiting_since(view) or view.summary.created_at
    figures: list[Figure | None] = [
        (moment.asked, "$accent bold") if moment.asked else None,
        place or None,
        labelled("waiting", _clock(moment.now, since)) if since else None,
    ]
    if not reason:
        return [joined(figures, width)]
    whole = joined([reason, *figures])
    return [whole] if whole.cell_length <= width else [joined(figures, width), *wrapped(reason, width, "")]


def waiting_line(view: RunView, state: str, moment: Moment, width: int) -> Content:
    """What a run that does not train is at, with a clock that runs: silence looks like a hang."""
    summary, phase, now = view.summary, view.phase, moment.now
    asked = (moment.asked, "$accent bold") if moment.asked else None
    since = engine_started(view) or summary.created_at
    elapsed = labelled("elapsed", _clock(now, since)) if since else None
    if state == "stopping" and (killing := escalation_text(view, now)):
        return joined([(killing, "$warn bold"), asked, elapsed], width)
    if phase is None or phase.phase == "training":
        return joined([asked, _stopping_words(view) if state == "stopping" else "starting the engine", elapsed], width)
    figures: list[Figure | None] = [clean(phase.text or phase.phase or "starting", limit=max(width - 26, 20))]
    done, total = phase.done, phase.total
    if done is not None and total:
        figures.append(Content.assemble(progress_bar(done / total, 16), f" {percent_text(done / total)}"))
    figures.append(elapsed)
    if done is not None:
        amount = bytes_text if phase.unit == "bytes" else count_text
        figures.append(f"{amount(done)} of {amount(total)}" if total else amount(done))
    return joined([asked, *figures], width)


def _stopping_words(view: RunView) -> str:
    """What a run that was asked to end is about to do."""
    asked = newest(view.life, StopRequested, Exited)
    if isinstance(asked, Exited):
        return "its engine has ended"
    return f"saves {'a checkpoint' if isinstance(asked, PauseRequested) else 'its adapter'} at the next step"


def _clock(now: float, since: float) -> str:
    seconds = max(0.0, now - since)
    return f"{int(seconds)} s" if seconds < 60 else duration_text(seconds)


def wrapped(text: str, width: int, colour: str) -> list[Content]:
    """A text that may be foreign in as many lines as it takes, at most eight."""
    lines = Content.styled(clean(text), colour).wrap(width)
    if len(lines) > REASON_LINES:
        lines = [*lines[: REASON_LINES - 1], Content.styled("… more in `t` and the log", colour)]
    return lines
