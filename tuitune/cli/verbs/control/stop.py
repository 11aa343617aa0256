"""`tuitune stop`: a run ended at its next step, its adapter saved."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_wait(parser)
    add_json(parser)


def stop(options: argparse.Namespace) -> int:
    from tuitune.cli.ending import end

    return end(options, "stop", "stop at its next step and save")
