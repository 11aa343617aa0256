"""`tuitune queue move`: a queued run moved to another place."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, positive
from tuitune.cli.verbs.queue import find_queued, tell

_END = 1 << 30


def arguments(parser: Parser) -> None:
    parser.take("run")
    parser.add_argument("place", metavar="PLACE", type=_place, help="first, last, up, down, or a number from 1")
    parser.take("--json")


def move(options: argparse.Namespace) -> int:
    from tuitune.runs.queue import order

    run = find_queued(options.run)
    place, of = order.turn(run)
    wanted = {"first": 1, "last": _END, "up": max(place - 1, 1), "down": place + 1}.get(options.place, options.place)
    reached = order.move(run, wanted)
    return tell(options, f"{run.name} is number {reached} of {max(of, reached)} in the queue")


def _place(text: str) -> int | str:
    if text in ("first", "last", "up", "down"):
        return text
    try:
        return positive(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first, last, up, down or a number from 1, found {text}") from None
