"""Watching a kill: each rung of the escalation with the time until the next, to where the run is gone or stuck."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuitune.cli.asking import message_of
from tuitune.cli.output import say
from tuitune.problem import TuituneError
from tuitune.runs.control import spool
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.lifecycle import Kill
from tuitune.text import clean
from tuitune.views.kill_escalation import next_text, seconds_left

if TYPE_CHECKING:
    from rich.live import Live

_POLL_SECONDS = 0.2


def watch_kill(run: Run, *, now: bool, quiet: bool) -> bool:
    """Kill `run` and show how that goes, unless `quiet`; True when it is gone, False where it cannot be killed."""
    nonce = spool.request(run, "kill", {"now": now})
    view, shown = RunView(run), 0
    with _display(quiet) as display:
        while True:
            view.refresh()
            answer = spool.outcome(run, nonce)
            if answer is not None and not answer.get("ok") and view.summary.state not in AT_REST:
                raise TuituneError(f"{run.name} refused to be killed: {message_of(answer)}")
            rungs = _rungs(view)
            for rung in rungs[shown:]:
                display.rung(rung)
            shown = len(rungs)
            display.tick()
            if view.summary.state in AT_REST:
                return True
            if answer is not None and rungs and rungs[-1].rung == "stuck":
                return False
            time.sleep(_POLL_SECONDS)


def _rungs(view: RunView) -> list[Kill]:
    """The rungs climbed in the present life of the run."""
    started = max((place for place, event in enumerate(view.events) if event.get("event") == "supervisor"), default=0)
    return [Kill.read(event) for event in view.events[started:] if event.get("event") == Kill.kind]


def _message(event: Kill) -> str:
    return clean(event.message, newlines=True)


@contextmanager
def _display(quiet: bool) -> Iterator[_Quiet]:
    if quiet:
        yield _Quiet()
    elif not sys.stdout.isatty():
        yield _Lines()
    else:
        from rich.live import Live

        with Live(auto_refresh=False, transient=True) as live:
            yield _Countdown(live)


class _Quiet:
    def rung(self, event: Kill) -> None:
        return

    def tick(self) -> None:
        return


class _Lines(_Quiet):
    """A line a rung, with the time until the next."""

    def rung(self, event: Kill) -> None:
        say("; ".join(filter(None, (_message(event), next_text(event, event.seconds)))))


class _Countdown(_Quiet):
    """A line a rung, and below it one that counts down to the next."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._event = Kill()

    def rung(self, event: Kill) -> None:
        self._event = event
        self._live.console.print(_message(event), markup=False, highlight=False)

    def tick(self) -> None:
        from rich.text import Text

        left = seconds_left(self._event, time.time())
        self._live.update(Text(next_text(self._event, left)), refresh=True)
