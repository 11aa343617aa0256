"""`tuitune resume`: the next life of a run that is paused, stopped, crashed or finished."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_detach, add_json, add_run, add_set
from tuitune.cli.output import note
from tuitune.cli.settings_help import settings_help

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    add_run(parser)
    add_set(parser)
    add_detach(parser)
    add_json(parser)


def resume(options: argparse.Namespace) -> int:
    """Start the run's next life, after the same look at its recipe and this machine as before a launch."""
    from tuitune.cli.attend import attend
    from tuitune.cli.changes import changed
    from tuitune.cli.launching import look_over
    from tuitune.cli.news import past
    from tuitune.runs import launcher
    from tuitune.runs.control.amendment import amended
    from tuitune.runs.read.length import idle
    from tuitune.runs.read.state import AT_REST, derive
    from tuitune.runs.store.directory import find

    run = find(options.run)
    changes = changed(run, options.overrides)
    if derive(run)[0] in AT_REST:
        recipe = amended(run, changes)
        look_over(recipe, resumes=True)
        if without := idle(changes, recipe.training):
            note(f"{without}; --set training.max_steps= lets the epochs decide")
    start, before = _start_of(run), past(run)
    launcher.resume(run, changes)
    if options.detach:
        note(f"{run.name} {start}")
    return attend(run, options, after=before)


def _start_of(run: Run) -> str:
    """Where the next life begins, as far as the checkpoints tell before the engine has verified them."""
    from tuitune.runs.store import checkpoints

    step = checkpoints.reached(run)
    return f"resumes from its checkpoint of step {step:,}" if step else "starts over: it has no checkpoint"
