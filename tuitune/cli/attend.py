"""What a verb that has started a run does next: follow it to where it rests, or leave it to itself."""

from __future__ import annotations

import argparse

from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.news import Past
from tuitune.cli.outcome import say_outcome
from tuitune.cli.output import note, say, say_json
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run


def attend(run: Run, options: argparse.Namespace, *, after: Past | None = None) -> int:
    """Follow `run` and print what became of it, of its past what came `after`; with `--detach` its id alone. The verb's
    exit code.
    """
    if options.detach:
        if options.json:
            say_json(summarize(run).as_json())
        else:
            say(run.id)
        note(f"{run.name} starts when a device is free; `tuitune follow {run.id}` watches it")
        return Exit.DONE
    code = follow_to_rest(run, quiet=options.json, after=after)
    if options.json:
        say_json(summarize(run).as_json())
    elif code != Exit.INTERRUPTED:
        say_outcome(run)
    return code
