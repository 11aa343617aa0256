"""What a run's records hold, as everybody reads it: a field that is known is of its type and within reason, or missing.

Journals are written by processes that get killed, by other versions, other programs and people with an editor. So each
record passes through `sound` where it is parsed, and nobody after that has to doubt it: what is odd is as unknown as
what was never written. The functions below it read one field, with what stands for a missing one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from tuitune.runs.store.records import lifecycle, samples, training
from tuitune.runs.store.records.checks import (
    Check,
    are_tables,
    are_texts,
    is_duration,
    is_moment,
    is_number,
    is_table,
    is_text,
    is_whole,
)
from tuitune.runs.store.records.line import Line

Record = dict[str, Any]
"""A line as it was read."""


def _kinds(module: ModuleType) -> list[type[Line]]:
    made = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Line))
    return [one for one in made if one.__module__ == module.__name__]


_DECLARED = [kind for module in (training, lifecycle, samples) for kind in _kinds(module)]

_ELSEWHERE: dict[str, Check] = {
    **dict.fromkeys(("kind", "event", "name", "directory", "host", "boot_id"), is_text),
    "created_at": is_moment,
    "uptime": is_duration,
    "nonfinite": are_texts,
}
"""Fields of run.json and owner.json, and what the journal itself writes."""

_OF_KIND = {kind.kind: kind.fields for kind in reversed(_DECLARED)}

FIELDS: Mapping[str, Check] = {
    **{key: check for checks in _OF_KIND.values() for key, check in checks.items()},
    **_ELSEWHERE,
}
"""What a field has to be, in records of a kind that does not know it."""

_PARTS = ("skipped", "files")


_METRICS = {kind.kind: kind for kind in _kinds(training)}
_EVENTS = {kind.kind: kind for kind in _kinds(lifecycle) if issubclass(kind, lifecycle.Event)}


def metric_line(record: Record) -> Line:
    """A record of metrics.jsonl, of the class of its kind; a plain `Line` where this version does not know it."""
    return _METRICS.get(str(record.get("kind")), Line).read(record)


def event_line(record: Record) -> lifecycle.Event:
    """A record of events.jsonl, of the class of its kind; a plain `Event` where this version does not know it."""
    return _EVENTS.get(str(record.get("event")), lifecycle.Event).read(record)


def sound(record: Record) -> Record:
    """The record, without the fields that are not what they should be; unknown fields, and null, stay as they are.

    A `step` is left as it is: there are a million of them, and what a reader wants of one it checks field by field.
    """
    kind = record.get("kind", record.get("event", ""))
    if kind == "step":
        return record
    own = _OF_KIND.get(kind, {}) if type(kind) is str else {}
    odd = [key for key, value in record.items() if value is not None and not _fits(key, value, own)]
    for key in odd:
        del record[key]
    for key in _PARTS:
        if key in record:
            record[key] = [sound(part) for part in record[key] or ()]
    return record


def _fits(key: str, value: Any, own: Mapping[str, Check]) -> bool:
    check = own.get(key) or FIELDS.get(key)
    return check is None or check(value)


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite figure; None where there is none."""
    value: Any = record.get(key)
    return value if is_number(value) else None


def column(records: Sequence[Record], key: str) -> list[float]:
    """A figure of every record; NaN where it is missing or not what it should be.

    What fits is one type and one range, so of values of one type that hold no odd one the extremes tell.
    """
    values: list[Any] = [record.get(key) for record in records]
    fits = FIELDS.get(key, is_number)
    kinds = set(map(type, values))
    if kinds == {type(None)}:
        return [math.nan] * len(values)
    if kinds in ({float}, {int}) and fits(min(values)) and fits(max(values)):
        return values
    return [value if fits(value) else math.nan for value in values]


def whole(record: Mapping[str, Any], key: str) -> int | None:
    """A count from 0 on; None where there is none."""
    value: Any = record.get(key)
    return value if is_whole(value) else None


def text(record: Mapping[str, Any], key: str, missing: str = "") -> str:
    value: Any = record.get(key)
    return value if is_text(value) else missing


def table(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object of the record; empty where there is none."""
    value: Any = record.get(key)
    return value if is_table(value) else {}


def texts(record: Mapping[str, Any], key: str) -> list[str]:
    value: Any = record.get(key)
    return value if are_texts(value) else []


def parts(record: Mapping[str, Any], key: str) -> list[Record]:
    """The objects of a list; empty where there is none."""
    value: Any = record.get(key)
    return value if are_tables(value) else []
