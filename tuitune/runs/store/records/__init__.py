"""What a run's records hold, as everybody reads it: a field that is known is of its type and within reason, or missing.

Journals are written by processes that get killed, by other versions, other programs and people with an editor. So each
record is read as its class, and nobody after that has to doubt it: what is odd is as unknown as what was never written.
Only the steps, of which there are a million, are read as columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from tuitune.runs.store.records import lifecycle, training
from tuitune.runs.store.records.line import Line, is_number, is_whole

Record = dict[str, Any]
"""A line as it was read."""

L = TypeVar("L", bound=Line)


def _by_kind(declared: Mapping[str, Any], base: type[L]) -> dict[str, type[L]]:
    kinds = (one for one in declared.values() if isinstance(one, type) and issubclass(one, base))
    return {kind.kind: kind for kind in kinds if kind.kind}


_METRICS = _by_kind(vars(training), Line)
_EVENTS = _by_kind(vars(lifecycle), lifecycle.Event)


def metric_line(record: Record) -> Line:
    """A record of metrics.jsonl, of the class of its kind; a plain `Line` where this version does not know it."""
    return _METRICS.get(str(record.get("kind")), Line).read(record)


def event_line(record: Record) -> lifecycle.Event:
    """A record of events.jsonl, of the class of its kind; a plain `Event` where this version does not know it."""
    return _EVENTS.get(str(record.get("event")), lifecycle.Event).read(record)


def newest(lines: Sequence[Line], *kinds: type[L]) -> L | None:
    """The last record of one of these kinds."""
    return next((line for line in reversed(lines) if isinstance(line, kinds)), None)


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite figure; None where there is none."""
    value: Any = record.get(key)
    return value if is_number(value) else None


def whole(record: Mapping[str, Any], key: str) -> int | None:
    """A count from 0 on; None where there is none."""
    value: Any = record.get(key)
    return value if is_whole(value) else None


def column(steps: Sequence[Record], key: str) -> list[float]:
    """A figure of every step; NaN where it is missing or not what it should be.

    What fits is one type and one range, so of values of one type that hold no odd one the extremes tell.
    """
    values: list[Any] = [step.get(key) for step in steps]
    fits = training.Step.fields.get(key, is_number)
    kinds = set(map(type, values))
    if kinds == {type(None)}:
        return [math.nan] * len(values)
    if kinds in ({float}, {int}) and fits(min(values)) and fits(max(values)):
        return values
    return [value if fits(value) else math.nan for value in values]
