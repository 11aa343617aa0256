"""WHAT IS OPTIMISED: one file an objective. What an objective needs of torch lies in `engine/objectives/`."""

from __future__ import annotations

from collections.abc import Container

from tuitune.declared import declared
from tuitune.metrics import COMMON, Metric
from tuitune.objectives.descriptor import TEACHINGS, Trained


def _order(one: Trained) -> tuple[bool, list[int], str]:
    """By what they learn from, and new ones last."""
    return one.experimental, [TEACHINGS.index(teaching) for teaching in one.learns_from], one.name


TRAINED: dict[str, Trained] = {one.name: one for one in sorted(declared(__name__, Trained), key=_order)}
"""Every objective by name: what a recipe can name, and data can be looked at for."""

METRICS: dict[str, Metric] = {}
"""Every metric by its key, as the first that brings it has it; where its chart stands is the objective's to say."""
for _metrics in (COMMON, *(one.metrics for one in TRAINED.values())):
    for _metric in _metrics:
        METRICS.setdefault(_metric.key, _metric)


def charted(objective: object, rewards: Container[str] = ()) -> list[Metric]:
    """The metrics that have a chart in the monitor of a run of an objective, with these `rewards` where it has any;
    where it is none, those of every run. One of its own that comes first of all stands instead of the loss.
    """
    own = TRAINED[objective].metrics if isinstance(objective, str) and objective in TRAINED else ()
    led = any(metric.pane == "first" for metric in own)
    common = [metric for metric in COMMON if metric.pane != "first"] if led else COMMON
    return [metric for metric in (*common, *own) if metric.pane and (not metric.reward or metric.reward in rewards)]


def leading(objective: object) -> Metric:
    """The metric that tells most of all whether a run of an objective learns."""
    return next(metric for metric in charted(objective) if metric.pane == "first")
