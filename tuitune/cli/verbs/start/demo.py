"""`tuitune demo`: a fine-tune of the bundled model, to see how it all goes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run


def arguments(parser: Parser) -> None:
    parser.add_argument(
        "--plain", action="store_true", help="print progress and a summary instead of opening the monitor"
    )


def demo(options: argparse.Namespace) -> int:
    from tuitune.cli.follow import follow_to_rest
    from tuitune.cli.launching import launch
    from tuitune.cli.outcome import say_outcome
    from tuitune.recipe.presets import demo_recipe

    run = launch(demo_recipe())
    if sys.stdin.isatty() and sys.stdout.isatty() and not options.plain:
        from tuitune.cli.screen import open_screen

        return open_screen(run) or _left(run)
    code = follow_to_rest(run)
    if code != Exit.INTERRUPTED:
        say_outcome(run)
    return code


def _left(run: Run) -> int:
    """After the monitor was left: the summary of an ended run, and the exit code that it earns."""
    from tuitune.cli.outcome import say_outcome
    from tuitune.runs.read.state import AT_REST
    from tuitune.runs.read.summary import summarize

    state = summarize(run).state
    if state in AT_REST:
        say_outcome(run)
    return Exit.FAILED if state in ("failed", "crashed") else Exit.DONE
