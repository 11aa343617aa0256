"""What a run is at that does not train, how it is being killed, and what holds for it besides its figures: for the
monitor's head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import (
    Ended,
    EngineStarted,
    Exited,
    Heard,
    Kill,
    PauseRequested,
    Retry,
    Silent,
    StopRequested,
    Waiting,
)
from tuitune.text import clean
from tuitune.tui.widgets.bars import Figure, joined, labelled, progress_bar
from tuitune.units import bytes_text, clock_text, count_text, duration_text, number_text, percent_text
from tuitune.views.event_texts import next_text, seconds_left, sent_text

REASON_LINES = 8


@dataclass(frozen=True)
class Moment:
    """What the head tells beside the run's files.

    `now`: seconds since the epoch; `busy`: what the engine does between steps (an evaluation, a save); `asked`: what
    was asked here and is not answered yet; `place`: the run's in the queue, and of how many, zeros where that is not
    known; `foreign`: why it can only be looked at.
    """

    now: float
    busy: str = ""
    asked: str = ""
    place: tuple[int, int] = (0, 0)
    foreign: str = ""


def place_text(place: int, of: int) -> str:
    """`2nd of 3 in the queue`; "" for a place that is none."""
    teen = 10 < place % 100 < 14
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} of {of} in the queue" if 0 < place <= of else ""


def escalation_text(view: RunView, now: float) -> str:
    """`SIGTERM sent to all its processes · SIGKILL in 5 s`, while a run is being killed; else ""."""
    rung = newest(view.life, Kill, Exited)
    if not isinstance(rung, Kill):
        return ""
    return " · ".join(filter(None, (sent_text(rung), next_text(rung, seconds_left(rung, now)))))


def engine_started(view: RunView) -> float | None:
    """When the engine of the present life started, seconds since the epoch."""
    return (newest(view.life, EngineStarted) or EngineStarted()).time


def ended_at(view: RunView) -> float | None:
    """When the last life of the run ended, seconds since the epoch."""
    return view.summary.ended_at or (newest(view.life, Ended) or Ended()).time


def limit_figures(view: RunView, began: float | None) -> Iterator[Figure]:
    """What ends the run before its last step. `began`: when its engine started, seconds since the epoch."""
    until, hours = str(view.setting("limits.until") or ""), view.figure("limits.hours")
    if until:
        yield labelled("stops at", _moment_text(until))
    if hours is not None:
        at = f", at {clock_text(began + hours * 3600)}" if began is not None and view.summary.life < 2 else ""
        yield labelled("stops after", f"{duration_text(hours * 3600)} of training{at}")
    if (loss := view.figure("limits.loss")) is not None:
        yield labelled("stops at loss", number_text(loss))
    if (cost := view.figure("limits.cost")) is not None:
        yield labelled("stops at a cost of", f"{cost:g}")


def _moment_text(until: str) -> str:
    """`08:00` for a moment today, `24 Dec 08:00` for another; what is no moment as it is written."""
    try:
        return clock_text(datetime.fromisoformat(until).timestamp())
    except (ValueError, OverflowError, OSError):
        return clean(until, limit=24)


def remarks(view: RunView, moment: Moment) -> Iterator[tuple[str, str]]:
    """What else has to be known of the run, a line each with its colour."""
    state, reason = view.summary.state, view.summary.reason
    told_above = newest(view.life, Kill) and state == "stopping" and not reason.startswith("stuck")
    if (silence := _silence(view, moment.now)) and state in ("starting", "training"):
        yield silence, "$warn"
    elif reason and state not in ("finished", "queued") and not told_above:
        yield reason, _colour(state, reason)
    if moment.foreign:
        yield f"read-only: {moment.foreign}", "$faint"
    resumed = view.resumed
    if resumed is not None and not resumed.exact and (reasons := "; ".join(resumed.reasons)):
        yield f"approximate since step {_step(resumed.step)}: {reasons}", "$warn"
    retry = newest(view.life, Retry)
    if retry is not None and state == "training":
        yield retry.reason or f"restarted from step {_step(retry.step)}", "$faint"


def _silence(view: RunView, now: float) -> str:
    """For how long nothing was heard from the engine; "" where it is heard, or nobody told."""
    silent = newest(view.life, Silent, Heard, EngineStarted)
    if not isinstance(silent, Silent):
        return ""
    seconds = (silent.seconds or 0.0) + max(now - (silent.time or now), 0.0)
    return f"nothing heard from the engine for {duration_text(seconds)}: see the log (7); K kills it"


def _step(step: int | None) -> str:
    return "?" if step is None else str(step)


def resumed_figure(view: RunView) -> Content | None:
    """`resumed at step 40 (exact)`; None for a run in its first life, or one that could not go on exactly."""
    if view.resumed is None:
        return None
    if not (step := view.resumed.step):
        return labelled("resumed", "from the beginning")
    return labelled("resumed at step", f"{step} ({'exact' if view.resumed.exact else 'approximate'})")


def _colour(state: str, reason: str) -> str:
    if state in ("failed", "crashed") or reason.startswith("stuck"):
        return "$bad"
    return "$warn" if state in ("training", "starting") else "$faint"


def queue_lines(view: RunView, moment: Moment, width: int) -> list[Content]:
    """`CPU is busy: training demo · 2nd of 3 in the queue · waiting 3 m`, in as many lines as it takes."""
    reason = clean(view.summary.reason)
    told = newest(view.life, Waiting) or Waiting()
    place = place_text(*moment.place) or place_text(told.place or 0, told.of or 0)
    since = (view.life[0].time if view.life else None) or view.summary.created_at
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
        return joined([asked, _before_a_step(view, state), elapsed], width)
    figures: list[Figure | None] = [clean(phase.text or phase.phase or "starting", limit=max(width - 26, 20))]
    done, total = phase.done, phase.total
    if done is not None and total:
        figures.append(Content.assemble(progress_bar(done / total, 16), f" {percent_text(done / total)}"))
    figures.append(elapsed)
    if done is not None:
        amount = bytes_text if phase.unit == "bytes" else count_text
        figures.append(f"{amount(done)} of {amount(total)}" if total else amount(done))
    return joined([asked, *figures], width)


def _before_a_step(view: RunView, state: str) -> str:
    """What a run is at that is loaded and has no step to show."""
    if state == "stopping":
        return _stopping_words(view)
    return "at the first step" if state == "training" else "starting the engine"


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
