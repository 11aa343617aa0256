"""`tuitune queue edit`: settings of a queued run changed before it starts."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.requests import ask, changed, message_of
from tuitune.cli.settings_help import settings_help
from tuitune.cli.verbs.queue import find_queued, tell
from tuitune.problem import TuituneError
from tuitune.runs.read.state import derive


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    parser.take("run")
    parser.take("--set", required=True)
    parser.take("--json")


def edit(options: argparse.Namespace) -> int:
    run = find_queued(options.run)
    answer = ask(run, "edit", changes=changed(run, options.overrides))
    if answer is None:
        raise TuituneError(f"{run.name} is no longer queued: it is {derive(run)[0]}")
    return tell(options, f"{run.name}: {message_of(answer)}")
