"""`tuitune runs`: every run in a table, newest first."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say_json, say_table
from tuitune.runs.read.glance import look
from tuitune.runs.read.summary import Summary
from tuitune.runs.store.directory import list_runs
from tuitune.text import clean
from tuitune.units import age_text, duration_text, number_text

_NOTE_WIDTH = 60


def arguments(parser: Parser) -> None:
    parser.take("--json")


def runs(options: argparse.Namespace) -> int:
    summaries = [look(run).summary for run in list_runs()]
    if options.json:
        say_json([summary.as_json(recipe=False) for summary in summaries])
    elif not summaries:
        note("no runs yet: `tuitune demo` makes one in about two minutes, `tuitune new -o FILE` writes a recipe")
    else:
        headings = ("ID", "NAME", "STATE", "STEP", "LOSS", "ETA", "AGE", "NOTE")
        say_table(headings, [_row(summary) for summary in summaries], right=(3, 4, 5, 6))
    return Exit.DONE


def _row(summary: Summary) -> tuple[str, ...]:
    total = f"{summary.total_steps:,}" if summary.total_steps is not None else "–"
    step = f"{summary.step or 0:,}/{total}"
    age = age_text(summary.created_at) if summary.created_at else "–"
    figures = step, number_text(summary.telling_loss), duration_text(summary.eta_seconds), age
    return summary.id, summary.name, summary.state, *figures, clean(_note(summary), limit=_NOTE_WIDTH)


def _note(summary: Summary) -> str:
    """Why the run is in its state, and what else must be known before its figures are compared."""
    return "; ".join(filter(None, (summary.reason, "resumed approximately" if summary.exact is False else "")))
