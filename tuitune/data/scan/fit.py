"""Whether an objective can learn from data of a shape, said as advice of a data report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuitune.data.purpose import refusal
from tuitune.data.scan.advice import UNREADABLE, Advice
from tuitune.objectives.descriptor import Trained


def advice_for(objective: Trained, shape: str, found: Sequence[Advice]) -> list[Advice]:
    """The advice that was `found` on data of a shape, after what is to be said of it for an objective."""
    unreadable = any(one["id"] == UNREADABLE for one in found)
    return [*(() if unreadable else _on_shape(objective, shape)), *found]


def _on_shape(objective: Trained, shape: str) -> Iterator[Advice]:
    if reason := refusal(shape, objective):
        yield {"id": "shape", "level": "warning", "message": f"{objective.name} cannot train on this: {reason}"}
