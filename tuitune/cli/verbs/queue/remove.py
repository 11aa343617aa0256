"""`tuitune queue remove`: a run taken out of the queue, and kept."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run
from tuitune.cli.exit_codes import Exit
from tuitune.problem import TuituneError


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_json(parser)


def remove(options: argparse.Namespace) -> int:
    from tuitune.cli.asking import ask
    from tuitune.cli.follow import follow_to_rest
    from tuitune.cli.verbs.queue.queued import find_queued, tell
    from tuitune.runs.read.summary import summarize

    run = find_queued(options.run)
    ask(run, "stop")
    if follow_to_rest(run, quiet=True) == Exit.INTERRUPTED:
        return Exit.INTERRUPTED
    if summarize(run).state != "stopped":
        raise TuituneError(f"{run.name} has already left the queue: it is {summarize(run).state}")
    return tell(options, f"{run.name} has left the queue; `tuitune resume {run.id}` puts it back at the end")
