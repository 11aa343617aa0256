"""Ending a run: asked for, and told as what the run came to."""

from __future__ import annotations

import argparse

from tuitune.cli.asking import ask
from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.output import note, say, say_json
from tuitune.runs.control import spool
from tuitune.runs.read.summary import Summary, summarize
from tuitune.runs.store.directory import find


def end(options: argparse.Namespace, verb: str, deed: str) -> int:
    """Ask the run to end and wait until it has, or with `--no-wait` ask it alone; the verb's exit code."""
    run = find(options.run)
    if not options.wait:
        spool.request(run, verb)
        note(f"asked {run.name} to {deed}")
        if options.json:
            say_json(summarize(run).as_json())
        return Exit.DONE
    ask(run, verb)
    code = follow_to_rest(run, quiet=True)
    if code == Exit.INTERRUPTED:
        return code
    summary = summarize(run)
    if options.json:
        say_json(summary.as_json())
    else:
        say(ended_text(summary))
    return code


def ended_text(summary: Summary) -> str:
    if summary.state == "paused":
        return f"{summary.name}: {summary.reason or 'paused'}; `tuitune resume {summary.id}` resumes it"
    reached = "" if summary.step is None else f" at step {summary.step:,}"
    return f"{summary.name}: {summary.state}{reached}"
