"""Fields of a row: what is read out of them, and the problem with a row when it is not there."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from tuitune.rows.numbers import Written, loads
from tuitune.text import clean

_TEXT_PARTS = ("text", "input_text", "output_text")
_THOUGHT_PARTS = ("reasoning", "thinking")
MEDIA_PARTS = ("image", "input_image", "video", "audio", "input_audio")
_SAID = ("text", "value", "content")
_KINDS = {str: "text", bool: "true or false", list: "a list", dict: "an object", type(None): "nothing"}
_NUMBERS = (int, float, Written)
_LONGEST_NUMBER = 10**4000
_BYTES = re.compile(r"⟨\d+ bytes, [0-9a-f]{12}⟩")
HALF_CHARACTER = "half a character (a lone surrogate), which no encoding can write"


class RowProblem(Exception):  # noqa: N818
    """A row that cannot be trained on: the field that is wrong, what was found and what was expected of it.

    `kind` is one of encoding, type, missing, empty, role-order, no-answer, tools, vision, too-deep and other.
    """

    def __init__(self, field: str, message: str, kind: str = "other") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message
        self.kind = kind


def bytes_sign(content: bytes) -> str:
    """What stands in a row for bytes that are not text: their number and their hash. It is refused as a text."""
    return f"⟨{len(content)} bytes, {hashlib.blake2b(content, digest_size=6).hexdigest()}⟩"


def value_of(values: Mapping[str, Any], column: str) -> Any:
    """What is in a column; RowProblem where the row has no such column."""
    try:
        return values[column]
    except KeyError:
        raise RowProblem(column, f"no such column; the row has {names_of(values)}", "missing") from None


def text(value: Any, field: str, *, empty: bool = False) -> str:
    """Text as it is, numbers as their source writes them, text parts joined. `empty` allows nothing at all."""
    if isinstance(value, list) and value:
        value = "".join(_part(part, f"{field}[{number}]") for number, part in enumerate(value))
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise RowProblem(field, HALF_CHARACTER, "encoding") from None
        if value.startswith("⟨") and _BYTES.fullmatch(value):
            raise RowProblem(field, f"expected text, found {value[1:-1]}", "type")
        if not empty and (not value or value.isspace()):
            raise RowProblem(field, "is empty", "empty")
        return value
    if value is None and empty:
        return ""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, float) and not math.isfinite(value):
        raise RowProblem(field, f"expected text, found a number that is not finite ({value})", "type")
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _LONGEST_NUMBER):
        return json.dumps(value)
    raise RowProblem(field, f"expected text, found {kind_of(value)}", "missing" if value is None else "type")


def _part(part: Any, field: str) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if is_text_part(part):
        return str(said_in(part, _SAID))
    if isinstance(kind, str) and kind not in _TEXT_PARTS:
        media = kind.startswith(MEDIA_PARTS)
        raise RowProblem(field, f"expected text, found a part of type {quoted(kind)}", "vision" if media else "type")
    found = "one without text" if isinstance(part, Mapping) else kind_of(part)
    raise RowProblem(field, f"expected a text part, found {found}", "missing" if part is None else "type")


def is_text_part(part: Any) -> bool:
    """Whether a part of a message is text, in any of the spellings."""
    return isinstance(part, Mapping) and part.get("type") in _TEXT_PARTS and said_in(part, _SAID) is not None


def said_in(part: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The text of a part, under the first of the keys that has one."""
    return next((part[key] for key in keys if isinstance(part.get(key), str)), None)


def parted(value: Any, field: str) -> tuple[Any, str, list[Any]]:
    """What a turn says, taken apart: its text or text parts, what it thinks before, and the calls of tools in it."""
    if not isinstance(value, list) or not any(isinstance(part, Mapping) for part in value):
        return value, "", []
    said, thoughts, calls = [], [], []
    for number, part in enumerate(value):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in _THOUGHT_PARTS:
            if (thought := said_in(part, (*_SAID, *_THOUGHT_PARTS))) is None:
                raise RowProblem(f"{field}[{number}]", "expected reasoning, found a part without text", "type")
            thoughts.append(thought)
        elif kind == "tool_call":
            calls.append(part.get("value", part.get("tool_call", part)))
        elif kind == "tool_use":
            calls.append({"name": part.get("name"), "arguments": part.get("input"), "id": part.get("id")})
        else:
            said.append(part)
    return said, "\n".join(thoughts), calls


def parsed(value: str, field: str, expected: str, kind: str = "type") -> Any:
    """The JSON written in a text; RowProblem of `kind` says what was expected where it is none."""
    try:
        return loads(value)
    except RecursionError:
        raise RowProblem(field, f"expected {expected}, found JSON that is nested too deeply", "too-deep") from None
    except ValueError as error:
        raise RowProblem(field, f"expected {expected}, found text that is not JSON ({error})", kind) from None


def kind_of(value: Any) -> str:
    """What a value is, in a word or two."""
    usual = "a number" if type(value) in _NUMBERS else _KINDS.get(type(value))
    return usual or clean(type(value).__name__, limit=40)


def names_of(value: Mapping[Any, Any]) -> str:
    """The keys of an object for a message: `id, body, …`."""
    names = [clean(str(name), limit=40) for name in islice(value, 8)]
    return ", ".join(names) + (", …" if len(value) > 8 else "") or "no keys"


def quoted(value: str) -> str:
    """A foreign word for a message, made harmless."""
    return f"'{clean(value, limit=40)}'"
