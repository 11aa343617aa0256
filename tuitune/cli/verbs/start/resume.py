"""`tuitune resume`: the next life of a run that is paused, stopped, crashed or finished."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.follow import follow_started, past
from tuitune.cli.output import note
from tuitune.cli.requests import changed
from tuitune.cli.settings_help import settings_help
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, find


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    parser.take("run", "--set", "--detach", "--json")


def resume(options: argparse.Namespace) -> int:
    """Start the run's next life, after the same look at its recipe and this machine as before a launch."""
    from tuitune.cli.launching import look_over
    from tuitune.runs import launcher
    from tuitune.runs.control.amendment import amended
    from tuitune.runs.read.length import idle

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
    return follow_started(run, options, after=before)


def _start_of(run: Run) -> str:
    """Where the next life begins, as far as the checkpoints tell before the engine has verified them."""
    step = checkpoints.reached(run)
    return f"resumes from its checkpoint of step {step:,}" if step else "starts over: it has no checkpoint"
