"""How long a run still takes: its steps, and the evaluations and samples between them and after the last one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from tuitune.runs.store.records.samples import Sample
from tuitune.runs.store.records.training import Evaluation

_RECENT_STEPS, _TELLING = 20, 3
"""How many steps the rest is reckoned from: at most, and at least."""

_RECENT_PAUSES = 5
"""Evaluations, or rounds of samples, that the next ones are reckoned from."""

_RECORDS = 400
"""Samples that are looked at for that: a round has one for each prompt."""


def steps_seconds(durations: Sequence[float], left: int) -> float | None:
    """Seconds that `left` steps take at the mean of the latest `durations`; None before three of them tell.

    The first one warms up and tells nothing.
    """
    recent = [seconds for seconds in durations[max(1, len(durations) - _RECENT_STEPS) :] if math.isfinite(seconds)]
    return None if len(recent) < _TELLING else max(left, 0) * sum(recent) / len(recent)


def times_due(every: Any, step: int, total: int, per_epoch: float | None) -> int:
    """How often what is done `every` (steps, "epoch" or "end") is due after `step` and before the last of `total`."""
    length = per_epoch if every == "epoch" else every if type(every) is int else None
    return max(math.ceil(total / length) - 1 - math.floor(step / length), 0) if length and length > 0 else 0


def evaluation_seconds(evaluations: Sequence[Evaluation]) -> float:
    """What an evaluation takes, by the latest ones; 0 where none was made."""
    return _mean(one.seconds for one in reversed(evaluations))


def samples_seconds(samples: Sequence[Sample]) -> float:
    """What it takes to answer the recipe's prompts, by the latest rounds; 0 where there was none.

    The records of a round each hold the seconds of the whole round.
    """
    rounds = {(one.step, one.label): one.seconds for one in islice(reversed(samples), _RECORDS) if one.nonce is None}
    return _mean(rounds.values())


def _mean(durations: Iterable[float | None]) -> float:
    recent = list(islice((seconds for seconds in durations if seconds is not None), _RECENT_PAUSES))
    return sum(recent) / len(recent) if recent else 0.0
