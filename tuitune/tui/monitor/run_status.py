"""What a run waits for, how being killed, and what holds for it besides its figures: for the monitor's head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.content import Content

from tuitune.runs.read.summary import RunView
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import Ended, EngineStarted, Exited, Heard, Kill, Retry, Silent, Waiting
from tuitune.text import clean
from tuitune.tui.widgets.bars import Figure, labelled
from tuitune.units import clock_text, duration_text, number_text
from tuitune.views.event_texts import next_text, seconds_left, sent_text


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


def told_place(view: RunView) -> tuple[int, int]:
    """The run's place in the queue, and of how many, as its supervisor told it last; zeros where it did not."""
    waiting = newest(view.life, Waiting) or Waiting()
    return (waiting.place, waiting.of) if waiting.place is not None and waiting.of is not None else (0, 0)


def escalation_text(view: RunView, now: float) -> str:
    """`SIGTERM sent to all its processes · SIGKILL in 5 s`, while a run is being killed; else ""."""
    rung = newest(view.life, Kill, Exited)
    if not isinstance(rung, Kill):
        return ""
    return " · ".join(filter(None, (sent_text(rung), next_text(rung, seconds_left(rung, now)))))


def engine_started(view: RunView) -> float | None:
    """When the engine of the present life started, seconds since the epoch."""
    return (newest(view.life, EngineStarted) or EngineStarted()).time


def waiting_since(view: RunView) -> float | None:
    """When the present life was queued."""
    return view.life[0].time if view.life else None


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
    from datetime import datetime

    try:
        return clock_text(datetime.fromisoformat(until).timestamp())
    except (ValueError, OverflowError, OSError):
        return clean(until, limit=24)


def remarks(view: RunView, moment: Moment) -> Iterator[tuple[str, str]]:
    """What else has to be known of the run, a line each with its colour."""
    state, reason = view.summary.state, view.summary.reason
    told_above = newest(view.life, Kill) and _told_above(state, reason)
    if (silence := _silence(view, moment.now)) and state in ("starting", "training"):
        yield silence, "$warn"
    elif reason and state not in ("finished", "queued") and not told_above:
        yield reason, _colour(state, reason)
    if moment.foreign:
        yield f"read-only: {moment.foreign}", "$faint"
    resumed = view.resumed
    if resumed is not None and not resumed.exact:
        reasons = "; ".join(resumed.reasons)
        if reasons:
            yield f"approximate since step {_step(resumed.step)}: {reasons}", "$warn"
    retry = newest(view.life, Retry)
    if retry is not None and state == "training":
        yield retry_text(retry), "$faint"


def _told_above(state: str, reason: str) -> bool:
    """Whether the reason of a run that is being killed is what the line of its escalation says."""
    return state == "stopping" and not reason.startswith("stuck")


def _silence(view: RunView, now: float) -> str:
    """For how long nothing was heard from the engine; "" where it is heard, or nobody told."""
    silent = newest(view.life, Silent, Heard, EngineStarted)
    if not isinstance(silent, Silent):
        return ""
    seconds = (silent.seconds or 0.0) + max(now - (silent.time or now), 0.0)
    return f"nothing heard from the engine for {duration_text(seconds)}: see the log (7); K kills it"


def retry_text(retry: Retry) -> str:
    """`out of memory: goes on from step 40 with batches of 2, 8 to a step`."""
    return retry.reason or f"restarted from step {_step(retry.step)}"


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
