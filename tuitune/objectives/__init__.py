"""WHAT IS OPTIMISED: one file an objective. What an objective needs of torch lies in `engine/objectives/`."""

from __future__ import annotations

from tuitune.metrics import COMMON, Metric
from tuitune.objectives.descriptor import Trained
from tuitune.objectives.dpo import DPO
from tuitune.objectives.kto import KTO
from tuitune.objectives.orpo import ORPO
from tuitune.objectives.pretrain import PRETRAIN
from tuitune.objectives.reward import REWARD
from tuitune.objectives.sft import SFT
from tuitune.objectives.simpo import SIMPO

TRAINED: dict[str, Trained] = {one.name: one for one in (SFT, PRETRAIN, DPO, KTO, ORPO, SIMPO, REWARD)}
"""Every objective by name: what a recipe can name, and data can be looked at for."""

METRICS = {metric.key: metric for metrics in (COMMON, *(one.metrics for one in TRAINED.values())) for metric in metrics}
"""Every metric by its key."""


def charted(objective: object) -> list[Metric]:
    """The metrics that have a chart in the monitor of a run of an objective; where it is none, those of every run."""
    own = TRAINED[objective].metrics if isinstance(objective, str) and objective in TRAINED else ()
    return [metric for metric in (*COMMON, *own) if metric.pane]
