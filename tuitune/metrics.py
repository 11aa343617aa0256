"""The metrics of training: what a step's record measures, how it is written, and where its chart stands.

One line is all that a metric needs: here where every run measures it, else with the objective that brings it. The
engine records the key where its trainer logs it; the monitor, the strip of a small terminal, `tuitune plot` and
docs/run-directory.md follow `tuitune.objectives.METRICS`, the table of them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tuitune.units import bytes_text, count_text, number_text, percent_text

Unit = Literal["", "tok/s", "bytes", "share"]
Better = Literal["lower", "higher", ""]
Place = Literal["first", "pair", "right", "alone", ""]

_SHOWN: dict[Unit, Callable[[float | None], str]] = {
    "": number_text,
    "tok/s": lambda value: f"{count_text(value)} tok/s",
    "bytes": bytes_text,
    "share": percent_text,
}


@dataclass(frozen=True)
class Metric:
    """A figure of step records, under `key`.

    `meaning` is for docs, `title` stands over its chart, `short` beside its spark. `smoothed`: its curve is noisy and
    drawn as a moving average. `better`: which way is better, "" where neither is. `pane`: where its chart stands in the
    monitor: first of all, in the row below, at the right, alone where it is turned to, or nowhere. `held_out`:
    evaluations measure it too, under the same key. `breaks`: a missing figure means that it was not finite. `reward`:
    it is that reward's, and has a chart where a recipe has the reward.
    """

    key: str
    title: str
    meaning: str
    short: str = ""
    unit: Unit = ""
    smoothed: bool = False
    better: Better = ""
    pane: Place = "pair"
    held_out: bool = False
    breaks: bool = False
    reward: str = ""

    @property
    def id(self) -> str:
        """The key as a widget may be named: trl has keys with slashes."""
        return re.sub(r"\W", "-", self.key)

    def shown(self, value: float | None) -> str:
        return _SHOWN[self.unit](value)

    def beats(self, value: float, other: float) -> bool:
        """Whether `value` is better than `other`."""
        return value > other if self.better == "higher" else value < other


COMMON = (
    Metric(
        "loss", "loss", "mean training loss since the last record", smoothed=True, better="lower", pane="first",
        held_out=True, breaks=True,
    ),
    Metric("learning_rate", "learning rate", "as the schedule has it", "lr"),
    Metric("grad_norm", "gradient norm", "before it is clipped", "grad", smoothed=True, breaks=True),
    Metric(
        "tokens_per_second", "throughput", "trained tokens a second", unit="tok/s", smoothed=True, better="higher",
        pane="right",
    ),
    Metric("memory_bytes", "memory", "held by tensors at that moment", unit="bytes", better="lower", pane=""),
)  # fmt: skip
"""What every run measures, in the order of the monitor's panes."""
