"""`tuitune pause`: a run's state saved at its next step and its device freed."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_wait(parser)
    add_json(parser)


def pause(options: argparse.Namespace) -> int:
    from tuitune.cli.ending import end

    return end(options, "pause", "save its state at its next step and free its device")
