"""`tuitune data convert`: a data set in another shape, as training takes it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.arguments import Parser
from tuitune.cli.verbs.data import add_output, add_source
from tuitune.shapes import WRITABLE


def arguments(parser: Parser) -> None:
    about = "the shape: %(choices)s (default: messages)"
    parser.add_argument("--to", metavar="SHAPE", choices=WRITABLE, default="messages", help=about)
    apart = "a row of each answer, which ends with it and learns it alone; for templates that drop earlier reasoning"
    parser.add_argument("--per-answer", action="store_true", help=apart)
    add_source(parser)
    add_output(parser)


def convert(options: argparse.Namespace) -> int:
    from tuitune.cli.verbs.data.preparation import make, recipe_of, tell

    outputs = {"train": Path(options.output)}
    return tell(options, make(options, recipe_of(options), outputs, to=options.to, per_answer=options.per_answer))
