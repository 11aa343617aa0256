"""Rows of csv, tsv and plain text files, streamed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import TextIO

from tuitune.data.sources.json_rows import LONGEST, undecoded
from tuitune.data.sources.rows import Row, SourceError
from tuitune.text import clean

_SNIFFED = 1 << 16


def read_table(file: TextIO, delimiter: str) -> Iterator[Row]:
    """Rows under a header. A ragged or broken row is a row with a problem, and reading goes on after it."""
    csv.field_size_limit(LONGEST)
    reader = csv.reader(file, delimiter=_delimiter(file, delimiter), strict=True)
    header = _header(reader, file.name)
    number, line = 0, reader.line_num + 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield Row(number, line, None, f"broken row: {error}")
        else:
            if fields:
                number += 1
                yield _table_row(number, line, header, fields)
        line = reader.line_num + 1


def _delimiter(file: TextIO, delimiter: str) -> str:
    """The usual delimiter, or what the header plainly uses instead: `;` in many countries, or tabs."""
    start = file.tell()
    header = file.readline(_SNIFFED)
    file.seek(start)
    return delimiter if delimiter in header else next((mark for mark in ";\t," if mark in header), delimiter)


def _header(reader: Iterator[list[str]], path: str) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise SourceError(path, f"has a broken header: {error}") from None
    if problem := undecoded(" ".join(header)):
        raise SourceError(path, f"the header {problem}")
    if not any(header):
        raise SourceError(path, "has no header; the first line names the columns")
    if twice := next((name for place, name in enumerate(header) if name in header[:place]), None):
        raise SourceError(path, f"the header names the column '{clean(twice, limit=60)}' twice")
    return header


def _table_row(number: int, line: int, header: list[str], fields: list[str]) -> Row:
    if len(fields) != len(header):
        names = clean(", ".join(header), limit=100)
        return Row(number, line, None, f"expected {len(header)} fields ({names}), found {len(fields)}")
    if problem := undecoded("\n".join(fields)):
        return Row(number, line, None, problem)
    return Row(number, line, dict(zip(header, fields, strict=True)))


def read_text(file: TextIO) -> Iterator[Row]:
    """Documents as `{"text": …}`: separated by blank lines where the file begins so, else one a line."""
    start = file.tell()
    beginning = file.read(_SNIFFED)
    file.seek(start)
    paragraphs = re.search(r"\S[^\n]*\n[ \t]*\n\s*\S", beginning) is not None
    number = line = 0
    document: list[str] = []
    for text in file:
        line += 1
        if text.strip():
            document.append(text)
        if document and (not paragraphs or not text.strip()):
            number += 1
            yield _document(number, line - len(document) + (1 if text.strip() else 0), document)
            document = []
    if document:
        yield _document(number + 1, line - len(document) + 1, document)


def _document(number: int, line: int, lines: list[str]) -> Row:
    text = "".join(lines).strip("\n")
    problem = undecoded(text)
    return Row(number, line, None, problem) if problem else Row(number, line, {"text": text})
