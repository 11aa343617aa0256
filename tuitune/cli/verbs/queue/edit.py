"""`tuitune queue edit`: settings of a queued run changed before it starts."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run, add_set
from tuitune.cli.settings_help import settings_help
from tuitune.problem import TuituneError


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    add_run(parser)
    add_set(parser, required=True)
    add_json(parser)


def edit(options: argparse.Namespace) -> int:
    from tuitune.cli.asking import ask, message_of
    from tuitune.cli.changes import changed
    from tuitune.cli.verbs.queue.queued import find_queued, tell
    from tuitune.runs.read.state import derive

    run = find_queued(options.run)
    changes = changed(run, options.overrides)
    answer = ask(run, "edit", {"changes": changes})
    if answer is None:
        raise TuituneError(f"{run.name} is no longer queued: it is {derive(run)[0]}")
    return tell(options, f"{run.name}: {message_of(answer)}")
