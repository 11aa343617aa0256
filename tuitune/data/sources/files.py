"""The rows of one file, whatever its format, read as they are asked for."""

from __future__ import annotations

import difflib
import io
import stat
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from tuitune.data.sources.bundled import bundled_sets
from tuitune.data.sources.formats import BOM, Format, format_of, refuse_unreadable
from tuitune.data.sources.json_rows import read_array, read_lines
from tuitune.data.sources.packed import Unpacked, is_packed, open_unpacked
from tuitune.data.sources.rows import EmptySourceError, Row, SourceError
from tuitune.data.sources.table_rows import read_table, read_text
from tuitune.text import clean

_SNIFFED = 1 << 16


def open_rows(path: Path | str) -> Iterator[Row]:
    """The rows of a file in order, read as they are asked for: a big file's first page is immediate.

    A row that cannot be read has a problem instead of values, and reading goes on where the format allows it. Of keys
    given twice in a JSON object the last one counts. Of a packed file that is cut or broken come the rows before that
    place, and one that says so. SourceError, at the call, where the file gives no rows at all.
    """
    path = Path(path)
    start = beginning(path)
    form = format_of(path, start)
    if form == "parquet":
        from tuitune.data.sources.parquet_rows import read_parquet

        rows = read_parquet(path)
    else:
        rows = _read(path, form, start)
    first = next(rows, None)
    if first is None:
        raise EmptySourceError(path, "is empty: it has a header and no rows" if form in ("csv", "tsv") else "is empty")
    return chain([first], rows)


def beginning(path: Path) -> bytes:
    """The beginning of a regular file, unpacked. SourceError where there is no such file, or nothing in it."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(path, "is a folder; name a file in it")
        if not stat.S_ISREG(mode):
            raise SourceError(path, "is not a regular file")
        with open_unpacked(path) as file:
            start = file.read(_SNIFFED)
            problem = getattr(file.raw, "problem", None)
    except FileNotFoundError:
        raise SourceError(path, f"no such file; {_instead(path)}") from None
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not start:
        raise SourceError(path, problem) if problem else EmptySourceError(path, "is empty")
    return start


def is_plain_lines(path: Path) -> bool:
    """Whether a file is JSON Lines and not packed, so that its rows can be found by where their lines begin."""
    try:
        return not is_packed(path) and format_of(path, beginning(path)) == "jsonl"
    except SourceError:
        return False


def _instead(path: Path) -> str:
    """What may have been meant by the name of a file that is not there."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 1000)]
    except OSError:
        names = []
    if close := difflib.get_close_matches(path.name, names, 1, 0.7):
        return f"did you mean '{clean(close[0], limit=100)}'?"
    return f"a Hub data set is owner/name, and bundled are {', '.join(one.id for one in bundled_sets())}"


def _read(path: Path, form: Format, start: bytes) -> Iterator[Row]:
    refuse_unreadable(path, start)
    if not start.removeprefix(BOM).strip():
        raise EmptySourceError(path, "is empty: it has only blank lines")
    try:
        with closing(open_unpacked(path)) as file:
            rows, raw = _rows_in(file, form, str(path), start), file.raw
            yield from _up_to_the_break(rows, raw, form) if isinstance(raw, Unpacked) else rows
    except OSError as error:
        raise SourceError(path, f"cannot be read: {error.strerror or error}") from error


def _rows_in(file: BinaryIO, form: Format, name: str, start: bytes) -> Iterator[Row]:
    if form == "jsonl":
        return read_lines(file)
    newline = "" if form in ("csv", "tsv") else None
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    if form == "json":
        return read_array(text)
    return read_text(text, start) if form == "txt" else read_table(text, "\t" if form == "tsv" else ",", name)


def _up_to_the_break(rows: Iterator[Row], file: Unpacked, form: Format) -> Iterator[Row]:
    """The rows of a packed file. Where its stream broke, the row that was cut there gives way to one that says so."""
    last = next(rows, None)
    while last is not None:
        following = next(rows, None)
        if following is None and file.problem:
            whole = form in ("json", "jsonl") and last.problem is None
            if whole:
                yield last
            yield Row(last.number + whole, None if whole else last.line, None, file.problem)
            return
        yield last
        last = following
