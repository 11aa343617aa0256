"""`tuitune queue remove`: a run taken out of the queue, and kept."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.requests import ask
from tuitune.cli.verbs.queue import find_queued, tell
from tuitune.problem import TuituneError
from tuitune.runs.read.state import derive


def arguments(parser: Parser) -> None:
    parser.take("run", "--json")


def remove(options: argparse.Namespace) -> int:
    run = find_queued(options.run)
    ask(run, "stop")
    if follow_to_rest(run, quiet=True) == Exit.INTERRUPTED:
        return Exit.INTERRUPTED
    if (state := derive(run)[0]) != "stopped":
        raise TuituneError(f"{run.name} has already left the queue: it is {state}")
    return tell(options, f"{run.name} has left the queue; `tuitune resume {run.id}` puts it back at the end")
