"""`tuitune log`: everything that a run's engine printed."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, positive
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say
from tuitune.problem import TuituneError
from tuitune.runs.read.log import log_lines
from tuitune.runs.store.directory import find


def arguments(parser: Parser) -> None:
    parser.take("run")
    parser.add_argument("-n", "--lines", type=positive, metavar="N", help="only the last N lines")


def log(options: argparse.Namespace) -> int:
    run = find(options.run)
    try:
        for line in log_lines(run.log_file, options.lines):
            say(line)
    except FileNotFoundError:
        note(f"{run.name} has no log yet")
    except OSError as error:
        raise TuituneError(f"the log of {run.name} cannot be read: {error.strerror}") from error
    return Exit.DONE
