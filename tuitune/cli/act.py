"""Verbs that act on a run: stop."""

from __future__ import annotations

import argparse

from tuitune.cli.follow import follow_to_end
from tuitune.cli.output import note, say, say_json
from tuitune.problem import TuituneError
from tuitune.runs import control
from tuitune.runs.directory import find
from tuitune.runs.state import ENDED
from tuitune.runs.summary import summarize


def stop(options: argparse.Namespace) -> int:
    run = find(options.run)
    summary = summarize(run)
    if summary.state in ENDED:
        raise TuituneError(f"{run.name} has ended already: {summary.state}")
    control.request(run, "stop")
    if options.wait:
        follow_to_end(run, quiet=True)
        summary = summarize(run)
    if options.json:
        say_json(summary.as_json())
    elif options.wait:
        say(f"{run.name}: {summary.state} at step {summary.step}")
    else:
        note(f"asked {run.name} to stop at its next step")
    return 1 if summary.state in ("failed", "crashed") else 0
