"""`tuitune demo`: a fine-tune of the bundled model, to see how it all goes."""

from __future__ import annotations

import argparse
import sys

from tuitune.cli import open_screen
from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import follow_started
from tuitune.cli.output import say
from tuitune.cli.run_report import say_run
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store.directory import Run


def arguments(parser: Parser) -> None:
    about = "print progress and a summary instead of opening the monitor"
    parser.add_argument("--plain", action="store_true", help=about)
    parser.set_defaults(detach=False, json=False)


def demo(options: argparse.Namespace) -> int:
    from tuitune.cli.launching import launch
    from tuitune.recipe.presets import demo_recipe

    run = launch(demo_recipe())
    if sys.stdin.isatty() and sys.stdout.isatty() and not options.plain:
        return open_screen(run) or _left(run)
    return follow_started(run, options)


def _left(run: Run) -> int:
    """After the monitor was left: the summary of an ended run, and the exit code that it earns."""
    state, _ = derive(run)
    if state in AT_REST:
        say("")
        say_run(run)
    return Exit.FAILED if state in ("failed", "crashed") else Exit.DONE
