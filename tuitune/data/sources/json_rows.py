"""Rows of JSON files, streamed: JSON Lines, and arrays of objects of any size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

import orjson

from tuitune.data.sources.formats import BOM
from tuitune.data.sources.rows import DEEPEST, LONGEST, Row
from tuitune.rows.numbers import decoder, has_fractions
from tuitune.text import clean

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")


def read_lines(file: BinaryIO, number: int = 0, line: int = 0) -> Iterator[Row]:
    """JSON Lines. A broken line is a row with a problem, and reading goes on after it; blank lines are no rows.

    `number` rows and `line` lines lie before the place where the file is.
    """
    while text := file.readline(LONGEST + 1):
        line += 1
        if line == 1:
            text = text.removeprefix(BOM)
        if len(text) > LONGEST:
            while text and not text.endswith(b"\n"):
                text = file.readline(_CHUNK)
            number += 1
            yield Row(number, line, None, f"the line is longer than {LONGEST >> 20} MiB")
        elif not text.isspace() and text:
            number += 1
            yield _line(number, line, text)


def _line(number: int, line: int, text: bytes) -> Row:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value, problem = _tolerant(text)
    else:
        value, problem = _tolerant(text) if has_fractions(value) else (value, None)
    return _row(number, line, value, problem or _fault(value, text))


def _tolerant(text: bytes) -> tuple[Any, str | None]:
    """What orjson refuses but people write (raw control characters in strings), or would write otherwise (1.10); or
    what is wrong with it.
    """
    try:
        decoded = text.decode()
        value = _DECODER.decode(decoded.strip())
    except UnicodeDecodeError as error:
        return None, not_utf8(error.object[error.start : error.start + 1], error.start + 1)
    except json.JSONDecodeError as error:
        return None, f"broken JSON at column {error.colno}: {_reason(error)}"
    except RecursionError:
        return None, "is nested too deeply"
    except ValueError as error:
        return None, clean(str(error), limit=200)
    return value, None


def read_array(file: TextIO) -> Iterator[Row]:
    """The objects of a JSON array, or of the array under "data" in an object, one at a time.

    What is broken cannot be read past: the row it is found in is the last one.
    """
    scanner = _Scanner(file)
    number = 0
    try:
        inside = scanner.peek() == "{"
        if inside:
            scanner.enter_data()
        for line, value, problem in scanner.elements():
            number += 1
            yield _row(number, line, value, problem)
        if not inside and scanner.peek():
            raise _BrokenError(scanner.line, "there is more after the end of the array; one file holds one array")
    except _BrokenError as broken:
        yield Row(number + 1, broken.line, None, broken.message)


def _row(number: int, line: int, value: Any, problem: str | None) -> Row:
    if problem:
        return Row(number, line, None, problem)
    if isinstance(value, dict):
        return Row(number, line, value)
    found = {str: "text", bool: "true or false", list: "a list", type(None): "null"}.get(type(value), "a number")
    return Row(number, line, None, f'expected an object such as {{"text": …}}, found {found}')


def not_utf8(byte: bytes, column: int) -> str:
    remedy = "save the file as UTF-8 (where it is Latin-1: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW)"
    return f"is not UTF-8 (byte 0x{byte.hex()} at column {column}); {remedy}"


def _fault(value: Any, text: str | bytes) -> str | None:
    """What makes a value that was read unfit: half a character, which no tokenizer takes, or bottomless nesting."""
    marks = ("[", "{", "\\ud", "\\uD") if isinstance(text, str) else (b"[", b"{", b"\\ud", b"\\uD")
    array, table, *halves = (text.count(mark) for mark in marks)  # type: ignore[arg-type]
    if array + table > DEEPEST and _depth_exceeds(value, DEEPEST):
        return f"is nested more than {DEEPEST} levels deep"
    if any(halves):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            return f"has half of a surrogate pair (U+{ord(error.object[error.start]):04X}), which is not a character"
    return None


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [item for items in inner for item in items]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(_NO_CONSTANT.format(name))


_NO_CONSTANT = "{} is not JSON; write null or a number"
_DECODER = decoder(_refuse_constant)


def _reason(error: json.JSONDecodeError) -> str:
    reason = error.msg[0].lower() + error.msg[1:]
    near = clean(error.doc[error.pos : error.pos + 20], limit=20)
    return f"{reason}, found `{near}`" if near else f"{reason}, found the end"


class _BrokenError(Exception):
    def __init__(self, line: int, message: str) -> None:
        self.line, self.message = line, message


class _Scanner:
    """A window that slides over a JSON text: whole values are decoded out of it, and more is read as they need it."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False
        self.constants: list[str] = []
        self.decoder = decoder(self.constants.append)

    def peek(self) -> str:
        """The next character that is not space, without taking it; "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            assert space is not None
            self.line += self.text.count("\n", self.at, space.end())
            self.at = space.end()
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def more(self, size: int = _CHUNK) -> bool:
        """Read on; False at the end of the file."""
        chunk = "" if self.ended else self.file.read(size)
        self.ended = not chunk
        if chunk:
            self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)

    def take(self, expected: str) -> str:
        found = self.peek()
        if not found or found not in expected:
            wanted = " or ".join(f"`{mark}`" for mark in expected)
            raise _BrokenError(
                self.line, f"broken JSON: expected {wanted}, found {f'`{clean(found)}`' if found else 'the end'}"
            )
        self.at += 1
        return found

    def value(self) -> tuple[Any, str]:
        """The next whole value and its text."""
        self.peek()
        while True:
            error: Exception | None = None
            try:
                self.constants.clear()
                value, end = self.decoder.raw_decode(self.text, self.at)
                if end < len(self.text) or self.ended:
                    text = self.text[self.at : end]
                    self.line += text.count("\n")
                    self.at = end
                    return value, text
            except json.JSONDecodeError as found:
                error = found
                if not found.msg.startswith("Unterminated string") and found.pos < len(self.text) - 16:
                    raise self.syntax(found) from None
            except RecursionError:
                raise _BrokenError(self.line, "is nested too deeply") from None
            except ValueError:
                raise _BrokenError(self.line, "has a number with thousands of digits") from None
            pending = len(self.text) - self.at
            if pending > LONGEST:
                raise _BrokenError(self.line, f"the row is longer than {LONGEST >> 20} MiB")
            wanted = min(max(_CHUNK, pending), LONGEST + 1 - pending)
            if not self.more(wanted) and isinstance(error, json.JSONDecodeError):
                raise self.syntax(error) from None

    def syntax(self, error: json.JSONDecodeError) -> _BrokenError:
        line = self.line + self.text.count("\n", self.at, error.pos)
        column = error.pos - self.text.rfind("\n", 0, error.pos)
        place = f"line {line}, column {column}" if line > 1 else f"line {line}"
        return _BrokenError(line, f"broken JSON at {place}: {_reason(error)}")

    def enter_data(self) -> None:
        """Into the array under "data" of an object, past the members before it."""
        self.take("{")
        names = []
        while self.peek() != "}":
            name, _ = self.value()
            self.take(":")
            if name == "data" and self.peek() == "[":
                return
            names.append(clean(str(name), limit=40))
            self.value()
            if self.peek() == ",":
                self.take(",")
        raise _BrokenError(
            self.line,
            'expected an array of objects, or an object with an array under "data"; '
            f"found an object with {', '.join(names[:8]) or 'nothing'}",
        )

    def elements(self) -> Iterator[tuple[int, Any, str | None]]:
        """Line, value and problem of each element of the array that begins here."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            self.peek()
            line = self.line
            value, text = self.value()
            constant = _NO_CONSTANT.format(self.constants[0]) if self.constants else None
            yield line, value, constant or undecoded(text) or _fault(value, text)
            if self.take(",]") == "]":
                return


_UNDECODED = re.compile("[\udc80-\udcff]")


def undecoded(text: str) -> str | None:
    """The problem with text that was decoded with surrogateescape and was not UTF-8."""
    found = None if text.isascii() else _UNDECODED.search(text)
    if found is None:
        return None
    return not_utf8(bytes([ord(found[0]) - 0xDC00]), found.start() - text.rfind("\n", 0, found.start()))
