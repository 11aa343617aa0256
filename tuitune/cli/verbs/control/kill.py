"""`tuitune kill`: a run ended that does not stop, by asking first and force then, each rung told as it is climbed."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import Watcher, watch
from tuitune.cli.output import say, say_answer
from tuitune.cli.requests import confirm, ended_text, message_of
from tuitune.problem import TuituneError
from tuitune.runs.control import spool
from tuitune.runs.read.state import AT_REST, derive, supervised
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run, find
from tuitune.runs.store.records.lifecycle import Kill, Supervisor
from tuitune.text import clean
from tuitune.views.event_texts import next_text, seconds_left, words

if TYPE_CHECKING:
    from rich.live import Live


def arguments(parser: Parser) -> None:
    parser.take("run")
    parser.add_argument("--now", action="store_true", help="kill its processes at once; unsaved steps are lost")
    parser.take("--yes", "--json")


def kill(options: argparse.Namespace) -> int:
    run = find(options.run)
    if (state := derive(run)[0]) in AT_REST:
        raise TuituneError(f"{run.name} cannot be killed: it is {state}")
    if state == "stopping" and not supervised(run):
        raise TuituneError(
            f"{run.name} cannot be killed: its supervisor is gone. Its engine saves and ends by itself; if it does "
            f"not, `tuitune resume {run.id}` ends it first"
        )
    confirm(run, "kill", f"{run.name} loses what it has learned since its last checkpoint.", yes=options.yes)
    nonce = spool.request(run, "kill", {"now": options.now})
    with _live(options.json) as live:
        summary = watch(run, _Rungs(run, nonce, live, quiet=options.json)).summary
    gone = summary.state in AT_REST
    stuck = f"{run.name} is stuck; its supervisor keeps watching, and `tuitune follow {run.id}` returns when it is gone"
    say_answer(options.json, summary.as_json(), ended_text(summary) if gone else stuck)
    return Exit.DONE if gone else Exit.FAILED


def _live(quiet: bool) -> Live | nullcontext[None]:
    """Where a countdown is shown; None where there is no terminal to show it on."""
    if quiet or not sys.stdout.isatty():
        return nullcontext()
    from rich.live import Live

    return Live(auto_refresh=False, transient=True)


class _Rungs(Watcher):
    """A line a rung, in a pipe with the time until the next; on a terminal, that is counted down below."""

    def __init__(self, run: Run, nonce: str, live: Live | None, *, quiet: bool) -> None:
        self._run, self._nonce = run, nonce
        self._live, self._quiet = live, quiet
        self._told = 0

    def update(self, view: RunView) -> None:
        """TuituneError where the supervisor has refused; `done` where the processes survive the last rung."""
        answer = spool.outcome(self._run, self._nonce)
        if answer is not None and not answer.ok and view.summary.state not in AT_REST:
            raise TuituneError(f"{self._run.name} refused to be killed: {message_of(answer)}")
        rungs = _rungs(view)
        for rung in rungs[self._told :]:
            self._tell(rung)
        self._told = len(rungs)
        if self._live and rungs:
            from rich.text import Text

            left = seconds_left(rungs[-1], time.time())
            self._live.update(Text(next_text(rungs[-1], left)), refresh=True)
        self.done = answer is not None and bool(rungs) and rungs[-1].rung == "stuck"

    def _tell(self, rung: Kill) -> None:
        if self._live:
            self._live.console.print(clean(rung.message, newlines=True), markup=False, highlight=False)
        elif not self._quiet:
            say(clean(words(rung), newlines=True))


def _rungs(view: RunView) -> list[Kill]:
    """The rungs climbed in the present life of the run."""
    started = max((place for place, event in enumerate(view.events) if isinstance(event, Supervisor)), default=0)
    return [event for event in view.events[started:] if isinstance(event, Kill)]
