"""`tuitune stop`: a run ended at its next step, its adapter saved."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.requests import end


def arguments(parser: Parser) -> None:
    parser.take("run", "--no-wait", "--json")


def stop(options: argparse.Namespace) -> int:
    return end(options, "stop", "stop at its next step and save")
