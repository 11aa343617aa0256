"""What a run's records hold, as everybody reads it: a field that is known is of its type and within reason, or missing.

Journals are written by processes that get killed, by other versions, other programs and people with an editor. So each
record passes through `sound` where it is parsed, and nobody after that has to doubt it: what is odd is as unknown as
what was never written. The functions below it read one field, with what stands for a missing one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]

_LARGEST = 1e300
"""Figures of this size and above overflow as soon as they are added up."""

_LAST_MOMENT = 2e11
"""Seconds since 1970, in the year 8300: well before calendars end."""

_LONGEST = 1e10
_MOST = 1 << 53
"""Counts from here on are not exact as a float."""


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _is_moment(value: Any) -> bool:
    return _is_number(value) and 0 <= value < _LAST_MOMENT


def _is_duration(value: Any) -> bool:
    return _is_number(value) and 0 <= value < _LONGEST


def _is_table(value: Any) -> bool:
    return type(value) is dict


def _are_texts(value: Any) -> bool:
    return type(value) is list and all(map(_is_text, value))


def _are_tables(value: Any) -> bool:
    return type(value) is list and all(map(_is_table, value))


def _declared(**names: tuple[Callable[[Any], bool], str]) -> dict[str, Callable[[Any], bool]]:
    return {name: check for check, listed in names.values() for name in listed.split()}


FIELDS: Mapping[str, Callable[[Any], bool]] = _declared(
    texts=(
        _is_text,
        "kind event phase text unit state reason message verb nonce by why rung next signal tuitune device label path "
        "basis checkpoint dtype attention id level outcome cause prompt answer name run directory host boot_id",
    ),
    flags=(_is_flag, "ok healthy exact resumes"),
    counts=(
        _is_whole,
        "seq step after life place of index rows total_steps steps_per_epoch train_rows eval_rows dropped_rows "
        "batch_size accumulation code",
    ),
    moments=(_is_moment, "time created_at"),
    durations=(_is_duration, "seconds step_seconds uptime"),
    numbers=(
        _is_number,
        "done total epoch loss learning_rate grad_norm tokens tokens_per_second memory_bytes peak_memory_bytes "
        "reserved_memory_bytes context_memory_bytes "
        "perplexity valid_json bytes train_tokens trainable_parameters total_parameters reload_difference",
    ),
    tables=(_is_table, "identity changes"),
    lists=(_are_texts, "reasons nonfinite"),
    parts=(_are_tables, "skipped files"),
)
"""What a field has to be, whatever record it is in."""

_OF_KIND = {"answers": {**FIELDS, "exact": _is_number}}
"""Fields that mean something else in records of a kind: the share of exact answers, not whether a resume was exact."""

_PARTS = ("skipped", "files")


def sound(record: Record) -> Record:
    """The record, without the fields that are not what they should be; unknown fields, and null, stay as they are.

    A `step` is left as it is: there are a million of them, and what a reader wants of one it checks field by field.
    """
    kind = record.get("kind")
    if kind == "step":
        return record
    checks = _OF_KIND.get(kind, FIELDS) if type(kind) is str else FIELDS
    odd = [key for key, value in record.items() if value is not None and key in checks and not checks[key](value)]
    for key in odd:
        del record[key]
    for key in _PARTS:
        if key in record:
            record[key] = [sound(part) for part in record[key] or ()]
    return record


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite figure; None where there is none."""
    value: Any = record.get(key)
    return value if _is_number(value) else None


def column(records: Sequence[Record], key: str) -> list[float]:
    """A figure of every record; NaN where it is missing or not what it should be.

    What fits is one type and one range, so of values of one type that hold no odd one the extremes tell.
    """
    values: list[Any] = [record.get(key) for record in records]
    fits = FIELDS.get(key, _is_number)
    kinds = set(map(type, values))
    if kinds == {type(None)}:
        return [math.nan] * len(values)
    if kinds in ({float}, {int}) and fits(min(values)) and fits(max(values)):
        return values
    return [value if fits(value) else math.nan for value in values]


def whole(record: Mapping[str, Any], key: str) -> int | None:
    """A count from 0 on; None where there is none."""
    value: Any = record.get(key)
    return value if _is_whole(value) else None


def text(record: Mapping[str, Any], key: str, missing: str = "") -> str:
    value: Any = record.get(key)
    return value if _is_text(value) else missing


def table(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object of the record; empty where there is none."""
    value: Any = record.get(key)
    return value if _is_table(value) else {}


def texts(record: Mapping[str, Any], key: str) -> list[str]:
    value: Any = record.get(key)
    return value if _are_texts(value) else []


def parts(record: Mapping[str, Any], key: str) -> list[Record]:
    """The objects of a list; empty where there is none."""
    value: Any = record.get(key)
    return value if _are_tables(value) else []
