"""What a field of a record may be: its type in Python, and the check that a value passes or counts as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

Check = Callable[[Any], bool]

_LARGEST = 1e300
"""Figures of this size and above overflow as soon as they are added up."""

_LAST_MOMENT = 2e11
"""Seconds since 1970, in the year 8300: well before calendars end."""

_LONGEST = 1e10
_MOST = 1 << 53
"""Counts from here on are not exact as a float."""


def is_text(value: Any) -> bool:
    return type(value) is str


def is_flag(value: Any) -> bool:
    return type(value) is bool


def is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST


def is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def is_moment(value: Any) -> bool:
    return is_number(value) and 0 <= value < _LAST_MOMENT


def is_duration(value: Any) -> bool:
    return is_number(value) and 0 <= value < _LONGEST


def is_table(value: Any) -> bool:
    return type(value) is dict


def are_texts(value: Any) -> bool:
    return type(value) is list and all(map(is_text, value))


def are_tables(value: Any) -> bool:
    return type(value) is list and all(map(is_table, value))


Text = Annotated[str, is_text]
"""Empty where it is missing."""

Named = Annotated[str | None, is_text]
"""A text that may be none."""

Flag = Annotated[bool | None, is_flag]
Count = Annotated[int | None, is_whole]
Number = Annotated[float | None, is_number]
Moment = Annotated[float | None, is_moment]
"""Seconds since the epoch."""

Seconds = Annotated[float | None, is_duration]
Table = Annotated[Mapping[str, Any] | None, is_table]
Texts = Annotated[Sequence[str], are_texts]
Parts = Annotated[Sequence[Mapping[str, Any]], are_tables]
