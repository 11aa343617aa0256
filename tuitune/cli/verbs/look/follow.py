"""`tuitune follow`: a run watched to its end."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run
from tuitune.cli.output import say_json


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_json(parser)


def follow(options: argparse.Namespace) -> int:
    from tuitune.cli.follow import follow_to_rest
    from tuitune.runs.read.summary import summarize
    from tuitune.runs.store.directory import find

    run = find(options.run)
    code = follow_to_rest(run, quiet=options.json)
    if options.json:
        say_json(summarize(run).as_json())
    return code
