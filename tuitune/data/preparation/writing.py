"""Rows written to a file in the format that its ending names, whole or not at all."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tuitune.data.sources.rows import SourceError
from tuitune.rows.numbers import Written, dumps

Rows = Iterable[Mapping[str, Any]]

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""How a file system says that it has no hard links."""


class _Unfit(Exception):  # noqa: N818
    """Rows that the format cannot hold, in words."""


def write_rows(path: Path, rows: Rows, *, once: str, force: bool = False) -> int:
    """Write rows to a new file and count them; `force` replaces one that exists. SourceError where it cannot be done.

    A reader sees the old file or the new one, never a part: that lies beside it, named by `once`, until it is whole.
    """
    write = WRITERS[ending(path)]
    part = part_of(path, once)
    try:
        try:
            count = write(part, rows)
            _place(part, path, force)
        finally:
            part.unlink(missing_ok=True)
    except _Unfit as error:
        raise SourceError(path, str(error)) from None
    except OSError as error:
        raise SourceError(path, f"cannot be written: {error.strerror or error}") from None
    return count


def part_of(path: Path, once: str) -> Path:
    """The unfinished file beside the one that is to be; a writer that was killed leaves it behind."""
    return path.with_name(f".{path.name[:100]}.{once}.part")


def ending(path: Path) -> str:
    """The ending of a file that rows can be written to; SourceError where it is none of those."""
    found = path.suffix.lower()
    if found not in WRITERS:
        raise SourceError(path, f"rows are written as {', '.join(WRITERS)}; give the file one of these endings")
    return found


def _place(part: Path, path: Path, force: bool) -> None:
    if force:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise SourceError(path, "already exists; --force overwrites it") from None
    except OSError as error:
        if error.errno not in _NO_LINKS or path.exists():
            raise
        part.replace(path)


def _json(start: bytes, between: bytes, end: bytes) -> Callable[[Path, Rows], int]:
    def write(path: Path, rows: Rows) -> int:
        count = 0
        with path.open("xb") as file:
            for count, row in enumerate(rows, 1):
                file.write((start if count == 1 else between) + dumps(row))
            file.write(end if count else start + end.lstrip())
            _settle(file)
        return count

    return write


def _table(separator: str) -> Callable[[Path, Rows], int]:
    def write(path: Path, rows: Rows) -> int:
        rows = list(rows)
        columns = _columns(rows)
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=separator, lineterminator="\n")
            writer.writerow(columns)
            for number, row in enumerate(rows, start=1):
                writer.writerow([_cell(row.get(column), number, column) for column in columns])
            _settle(file)
        return len(rows)

    return write


def _columns(rows: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any, number: int, column: str) -> Any:
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        raise _Unfit(f"row {number}, {column}: {kind} does not fit into a table of text; write .jsonl or .parquet")
    return json.dumps(value) if isinstance(value, bool) else value


def _parquet(path: Path, rows: Rows) -> int:
    import pyarrow
    import pyarrow.parquet

    rows = list(rows)
    try:
        table = pyarrow.table({name: _column([row.get(name) for row in rows]) for name in _columns(rows)})
    except (pyarrow.ArrowException, UnicodeError, OverflowError) as error:
        raise _Unfit(f"these rows do not form a table: {error}; write .jsonl") from None
    pyarrow.parquet.write_table(table, path)
    return int(table.num_rows)


def _column(values: list[Any]) -> list[Any]:
    """The values of a column: all its numbers as text where one of them has digits that a table would change."""
    if not any(isinstance(value, Written) for value in values):
        return values
    is_number = (isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [str(value) if number else value for value, number in zip(values, is_number, strict=True)]


def _settle(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


TABLES = frozenset({".csv", ".tsv"})
"""Endings of files whose cells are text alone."""

WRITERS: dict[str, Callable[[Path, Rows], int]] = {
    ".jsonl": _json(b"", b"\n", b"\n"),
    ".json": _json(b"[\n", b",\n", b"\n]\n"),
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".parquet": _parquet,
}
