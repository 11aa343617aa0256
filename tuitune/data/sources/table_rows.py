"""Rows of csv, tsv and plain text files, streamed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from tuitune.data.sources.json_rows import undecoded
from tuitune.data.sources.rows import LONGEST, Row, SourceError
from tuitune.text import clean

_CHUNK = 1 << 16
_TOO_LONG = f"is longer than {LONGEST >> 20} MiB"


class _TooLongError(Exception):
    pass


class _Lines:
    """The lines of a text, counted. One that is too long is passed over, and `_TooLongError` raised in its place."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        text = self.file.readline(LONGEST)
        if not text:
            raise StopIteration
        self.taken += 1
        if len(text) < LONGEST or text.endswith("\n"):
            return text
        while text and not text.endswith("\n"):
            text = self.file.readline(_CHUNK)
        raise _TooLongError


def read_table(file: TextIO, delimiter: str, path: str) -> Iterator[Row]:
    """Rows under a header. A ragged or broken row is a row with a problem, and reading goes on after it."""
    csv.field_size_limit(LONGEST)
    lines = _Lines(file)
    try:
        first = next(lines, "")
    except _TooLongError:
        raise SourceError(path, f"the header {_TOO_LONG}") from None
    if delimiter not in first:  # many countries write `;`
        delimiter = next((mark for mark in ";\t," if mark in first), delimiter)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header = _header(reader, path)
    number, line = 0, lines.taken + 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            number += 1
            yield Row(number, line, None, f"the line {_TOO_LONG}")
        except csv.Error as error:
            number += 1
            yield Row(number, line, None, f"broken row: {error}")
        else:
            if fields:
                number += 1
                yield _table_row(number, line, header, fields)
        line = lines.taken + 1


def _header(reader: Iterator[list[str]], path: str) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise SourceError(path, f"has a broken header: {error}") from None
    except _TooLongError:
        raise SourceError(path, f"has a broken header: a line of it {_TOO_LONG}") from None
    if problem := undecoded(" ".join(header)):
        raise SourceError(path, f"the header {problem}")
    if not any(header):
        raise SourceError(path, "has no header; the first line names the columns")
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise SourceError(path, f"the header names the column '{clean(name, limit=60)}' twice")
        seen.add(name)
    return header


def _table_row(number: int, line: int, header: list[str], fields: list[str]) -> Row:
    if len(fields) != len(header):
        names = clean(", ".join(header), limit=100)
        return Row(number, line, None, f"expected {len(header)} fields ({names}), found {len(fields)}")
    if problem := undecoded("\n".join(fields)):
        return Row(number, line, None, problem)
    return Row(number, line, dict(zip(header, fields, strict=True)))


def read_text(file: TextIO, beginning: bytes) -> Iterator[Row]:
    """Documents as `{"text": …}`: separated by blank lines where the file begins so, else one a line."""
    paragraphs = re.search(rb"\n[ \t]*\n", b"\n".join(beginning.splitlines()).strip()) is not None
    lines = _Lines(file)
    number = 0
    document = _Document()
    while (text := _next(lines)) != "":
        if text is None or text.strip():
            document.add(lines.taken, text)
        if document.begins and (not paragraphs or (text is not None and not text.strip())):
            number += 1
            yield document.row(number)
            document = _Document()
    if document.begins:
        yield document.row(number + 1)


def _next(lines: _Lines) -> str | None:
    """The next line, "" at the end, None for one that is too long."""
    try:
        return next(lines, "")
    except _TooLongError:
        return None


class _Document:
    """Lines that make one document, up to the length of the longest row."""

    def __init__(self) -> None:
        self.begins = 0
        self.lines: list[str] = []
        self.length = 0

    def add(self, number: int, text: str | None) -> None:
        self.begins = self.begins or number
        self.length += LONGEST + 1 if text is None else len(text)
        if text is None or self.length > LONGEST:
            self.lines.clear()
        else:
            self.lines.append(text)

    def row(self, number: int) -> Row:
        text = "".join(self.lines).strip("\n")
        problem = f"the document {_TOO_LONG}" if self.length > LONGEST else undecoded(text)
        return Row(number, self.begins, None, problem) if problem else Row(number, self.begins, {"text": text})
