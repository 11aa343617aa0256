"""`tuitune pause`: a run's state saved at its next step and its device freed."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.requests import end


def arguments(parser: Parser) -> None:
    parser.take("run", "--no-wait", "--json")


def pause(options: argparse.Namespace) -> int:
    return end(options, "pause", "save its state at its next step and free its device")
