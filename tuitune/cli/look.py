"""Verbs that look at runs: runs, show, follow, plot, log."""

from __future__ import annotations

import argparse
import math
import shutil
import sys

from tuitune.cli.follow import follow_to_rest
from tuitune.cli.outcome import say_run
from tuitune.cli.output import note, say, say_json, say_table
from tuitune.problem import TuituneError
from tuitune.recipe.document import LARGEST
from tuitune.runs.read.glance import look
from tuitune.runs.read.log import log_lines
from tuitune.runs.read.summary import RunView, Summary, summarize
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run, find, list_runs
from tuitune.text import clean, redact
from tuitune.units import age_text, duration_text, number_text

_NOTE_WIDTH = 60


def runs(options: argparse.Namespace) -> int:
    summaries = [look(run).summary for run in list_runs()]
    if options.json:
        say_json([summary.as_json(recipe=False) for summary in summaries])
    elif not summaries:
        note("no runs yet: `tuitune demo` makes one in about two minutes, `tuitune new -o FILE` writes a recipe")
    else:
        headings = ("ID", "NAME", "STATE", "STEP", "LOSS", "ETA", "AGE", "NOTE")
        say_table(headings, [_row(summary) for summary in summaries], right=(3, 4, 5, 6))
    return 0


def _row(summary: Summary) -> tuple[str, ...]:
    total = f"{summary.total_steps:,}" if summary.total_steps is not None else "–"
    age = age_text(summary.created_at) if summary.created_at else "–"
    eta = duration_text(summary.eta_seconds)
    return (
        summary.id,
        summary.name,
        summary.state,
        f"{summary.step or 0:,}/{total}",
        number_text(summary.loss),
        eta,
        age,
        clean(_note(summary), limit=_NOTE_WIDTH),
    )


def _note(summary: Summary) -> str:
    """Why the run is in its state, and what else must be known before its figures are compared."""
    return "; ".join(filter(None, (summary.reason, "resumed approximately" if summary.exact is False else "")))


def show(options: argparse.Namespace) -> int:
    run = find(options.run)
    if options.json:
        say_json(summarize(run).as_json())
        return 0
    say_run(run)
    try:
        recipe = files.read_bytes(run.recipe_file, LARGEST).decode("utf-8", "replace")
    except OSError as error:
        note(f"the recipe of {run.name} cannot be read: {error.strerror}")
    else:
        say("", clean(redact(recipe), newlines=True).rstrip())
    return 0


def follow(options: argparse.Namespace) -> int:
    run = find(options.run)
    code = follow_to_rest(run, quiet=options.json)
    if options.json:
        say_json(summarize(run).as_json())
    return code


def log(options: argparse.Namespace) -> int:
    run = find(options.run)
    try:
        for line in log_lines(run.log_file, options.lines):
            say(line)
    except FileNotFoundError:
        note(f"{run.name} has no log yet")
    except OSError as error:
        raise TuituneError(f"the log of {run.name} cannot be read: {error.strerror}") from error
    return 0


def plot(options: argparse.Namespace) -> int:
    """Draw one metric with plotext, as wide as the terminal; without colours where the output is not a terminal."""
    run = find(options.run)
    curves = _curves(run, options.metric)
    if not curves:
        raise TuituneError(f"{run.name} has recorded no {options.metric} yet")
    import plotext

    columns, rows = shutil.get_terminal_size((100, 30))
    plotext.clear_figure()
    plotext.plot_size(columns, min(rows - 2, 30))
    plotext.title(f"{run.name}: {options.metric}")
    plotext.xlabel("step")
    for label, points in curves.items():
        steps, values = zip(*points, strict=True)
        if label == "held-out":
            plotext.scatter(steps, values, label=label, marker="●" if sys.stdout.encoding == "utf-8" else "o")
        else:
            plotext.plot(steps, values, label=label, marker="braille" if sys.stdout.encoding == "utf-8" else "*")
    drawn = plotext.build()
    say(drawn if sys.stdout.isatty() else plotext.uncolorize(drawn))
    return 0


def _curves(run: Run, metric: str) -> dict[str, list[tuple[float, float]]]:
    """The recorded points by curve, without what a later life of the run has done again."""
    view = RunView(run)
    view.refresh()
    column = getattr(view.steps, "memory" if metric == "memory_bytes" else metric)
    curves = {"train": list(zip(view.steps.step, column, strict=True))}
    if metric == "loss":
        curves["held-out"] = [(measured["step"], measured["loss"]) for measured in view.evaluations]
    finite = {label: [point for point in points if _drawable(point)] for label, points in curves.items()}
    return {label: points for label, points in finite.items() if points}


def _drawable(point: tuple[float | None, float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in point)
