"""Numbers as their source writes them: an answer `1.10` is learned as `1.10`, and one of thirty digits has them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
"""The whole numbers that orjson writes."""


class Written(float):
    """A number that Python would write with other digits than its source does. `text` is what stands there."""

    text: str

    def __new__(cls, text: str) -> Written:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def fraction(text: str) -> float:
    """The number that a text writes; `Written` where Python would write it otherwise."""
    number = float(text)
    return number if repr(number) == text else Written(text)


def decoder(refuse_constant: Callable[[str], Any]) -> json.JSONDecoder:
    """Reads JSON with its numbers as they are written, and raw control characters in strings.

    `refuse_constant` is called with NaN and its like.
    """
    return json.JSONDecoder(strict=False, parse_float=fraction, parse_constant=refuse_constant)


def has_fractions(value: Any) -> bool:
    """Whether there is any number in a value that orjson may have changed: whole ones it keeps up to 64 bits."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return isinstance(value, float)
    return any(type(inner) is not str and has_fractions(inner) for inner in value)


def loads(text: bytes | str) -> Any:
    """JSON that `dumps` wrote."""
    return json.loads(text, parse_float=fraction)


def dumps(value: Any, option: int = 0) -> bytes:
    """A value as JSON, numbers as they were written, and as text what JSON has no word for.

    Half a character, which UTF-8 cannot hold, is escaped.
    """
    try:
        return orjson.dumps(value, _default, option)
    except TypeError:
        return orjson.dumps(_fitting(value), _default, option)


def _default(value: Any) -> Any:
    return orjson.Fragment(value.text) if isinstance(value, Written) else str(value)


def _fitting(value: Any) -> Any:
    """The value with what orjson does not write as JSON already made: numbers too large, and halves of characters."""
    if isinstance(value, dict):
        return {str(key): _fitting(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_fitting(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and not _SMALLEST <= value <= _LARGEST:
        return orjson.Fragment(json.dumps(value))
    if isinstance(value, str) and not value.isascii():
        return orjson.Fragment(json.dumps(value))
    return value
