"""`tuitune plot`: a metric of a run, drawn with plotext."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Iterable

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import metrics
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say
from tuitune.metrics import Metric
from tuitune.objectives import METRICS
from tuitune.problem import TuituneError
from tuitune.recipe.values import shown
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import find

_MOST_TICKS = 8


def arguments(parser: Parser) -> None:
    parser.take("run")
    about = "what to draw, by its name on the screen or its key (default: loss, or the reward, with the held-out one)"
    parser.add_argument("--metric", metavar="NAME", help=about, completer=metrics)


def plot(options: argparse.Namespace) -> int:
    """Draw it as wide as the terminal; without colours where the output is not a terminal."""
    run = find(options.run)
    view = RunView(run)
    view.refresh()
    metric = _chosen(view, options.metric) if options.metric else view.leading[0]
    curves = _curves(view, metric)
    if not curves:
        raise TuituneError(f"{run.name} has recorded no {metric.title} yet")
    import plotext

    columns, rows = shutil.get_terminal_size((100, 30))
    plotext.clear_figure()
    plotext.plot_size(columns, min(rows - 2, 30))
    plotext.title(f"{run.name}: {metric.title}")
    plotext.xticks(_ticks(steps for points in curves.values() for steps, _ in points))
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


def _chosen(view: RunView, name: str) -> Metric:
    """The metric of this key, title or short name: of several, the one that the run has recorded."""
    words = name.strip().casefold()
    named = [one for one in METRICS.values() if words in map(str.casefold, (one.key, one.title, one.short))]
    recorded = [one for one in METRICS.values() if _curves(view, one)]
    if named:
        return next((one for one in named if one in recorded), named[0])
    known = f"; it has {', '.join(one.title for one in recorded)}" if recorded else ""
    raise TuituneError(f"{view.run.name} has no metric {shown(name)}{known}")


def _ticks(steps: Iterable[float]) -> list[int]:
    """Whole steps for the axis: there is nothing between two of them."""
    ends = sorted(steps)
    first, last = math.floor(ends[0]), math.ceil(ends[-1])
    return list(range(first, last + 1, max(1, math.ceil((last - first) / _MOST_TICKS))))


def _curves(view: RunView, metric: Metric) -> dict[str, list[tuple[float, float]]]:
    """The recorded points by curve, without what a later life of the run has done again."""
    curves = {"train": _points(zip(view.steps["step"], view.steps[metric.key], strict=True))}
    if metric.held_out:
        curves["held-out"] = _points((measured.step, measured.figure(metric.key)) for measured in view.evaluations)
    return {label: points for label, points in curves.items() if points}


def _points(pairs: Iterable[tuple[float | None, float | None]]) -> list[tuple[float, float]]:
    """Those that can be drawn."""
    return [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
