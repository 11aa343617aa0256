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
from tuitune.metrics import Metric
from tuitune.objectives import METRICS
from tuitune.problem import TuituneError
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import find


def arguments(parser: Parser) -> None:
    parser.take("run")
    about = "what to draw (default: loss, or the reward that is learned from, with the held-out one)"
    parser.add_argument("--metric", choices=tuple(METRICS), help=about)


def plot(options: argparse.Namespace) -> int:
    """Draw it as wide as the terminal; without colours where the output is not a terminal."""
    run = find(options.run)
    view = RunView(run)
    view.refresh()
    metric = METRICS[options.metric] if options.metric else view.leading[0]
    curves = _curves(view, metric)
    if not curves:
        raise TuituneError(f"{run.name} has recorded no {metric.key} yet")
    import plotext

    columns, rows = shutil.get_terminal_size((100, 30))
    plotext.clear_figure()
    plotext.plot_size(columns, min(rows - 2, 30))
    plotext.title(f"{run.name}: {metric.key}")
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


def _curves(view: RunView, metric: Metric) -> dict[str, list[tuple[float, float]]]:
    """The recorded points by curve, without what a later life of the run has done again."""
    curves = {"train": _points(zip(view.steps["step"], view.steps[metric.key], strict=True))}
    if metric.held_out:
        curves["held-out"] = _points((measured.step, measured.figure(metric.key)) for measured in view.evaluations)
    return {label: points for label, points in curves.items() if points}


def _points(pairs: Iterable[tuple[float | None, float | None]]) -> list[tuple[float, float]]:
    """Those that can be drawn."""
    return [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
