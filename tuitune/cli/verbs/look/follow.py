"""`tuitune follow`: a run watched to its end."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.output import say_json
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import find


def arguments(parser: Parser) -> None:
    parser.take("run", "--json")


def follow(options: argparse.Namespace) -> int:
    run = find(options.run)
    code = follow_to_rest(run, quiet=options.json)
    if options.json:
        say_json(summarize(run).as_json())
    return code
