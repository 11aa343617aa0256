"""`tuitune plot`: a metric of a run, drawn with plotext."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Iterable

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say
from tuitune.objectives import METRICS
from tuitune.problem import TuituneError
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run, find


def arguments(parser: Parser) -> None:
    parser.take("run")
    about = "what to draw (default: loss, with the held-out loss)"
    parser.add_argument("--metric", default="loss", choices=tuple(METRICS), help=about)


def plot(options: argparse.Namespace) -> int:
    """Draw it as wide as the terminal; without colours where the output is not a terminal."""
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
    dot, line = ("●", "braille") if sys.stdout.encoding == "utf-8" else ("o", "*")
    for label, points in curves.items():
        steps, values = zip(*points, strict=True)
        if label == "held-out":
            plotext.scatter(steps, values, label=label, marker=dot)
        else:
            plotext.plot(steps, values, label=label, marker=line)
    drawn = plotext.build()
    say(drawn if sys.stdout.isatty() else plotext.uncolorize(drawn))
    return Exit.DONE


def _curves(run: Run, metric: str) -> dict[str, list[tuple[float, float]]]:
    """The recorded points by curve, without what a later life of the run has done again."""
    view = RunView(run)
    view.refresh()
    curves = {"train": _points(zip(view.steps["step"], view.steps[metric], strict=True))}
    if METRICS[metric].held_out:
        curves["held-out"] = _points((measured.step, measured.figure(metric)) for measured in view.evaluations)
    return {label: points for label, points in curves.items() if points}


def _points(pairs: Iterable[tuple[float | None, float | None]]) -> list[tuple[float, float]]:
    """Those that can be drawn."""
    return [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
