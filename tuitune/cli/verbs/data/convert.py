"""`tuitune data convert`: a data set in another shape, as training takes it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.arguments import Names, Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.verbs.data.making_arguments import add_output, add_source


def arguments(parser: Parser) -> None:
    parser.add_argument(
        "--to",
        metavar="SHAPE",
        choices=Names("tuitune.data.shapes:WRITABLE"),
        default="messages",
        help="the shape: %(choices)s (default: messages)",
    )
    add_source(parser)
    add_output(parser)


def convert(options: argparse.Namespace) -> int:
    from tuitune.cli.verbs.data.making import make, recipe_of, tell

    tell(options, make(options, recipe_of(options), {"train": Path(options.output)}, to=options.to))
    return Exit.DONE
