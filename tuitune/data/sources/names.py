"""Where rows come from: files, bundled sets, Hub data sets; and the rows of a file, one at a time."""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

import orjson

from tuitune.data.sources.bundled import bundled_sets, data_path, is_bundled
from tuitune.data.sources.json_rows import read_array, read_lines
from tuitune.data.sources.rows import Row, SourceError
from tuitune.data.sources.table_rows import read_table, read_text
from tuitune.text import clean

Format = Literal["json", "jsonl", "csv", "tsv", "txt", "parquet"]

FORMATS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "txt",
    ".text": "txt",
    ".md": "txt",
    ".parquet": "parquet",
}
"""File name endings and how such files are read."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SNIFFED = 1 << 16


@dataclass(frozen=True)
class Source:
    """What a name in `data.train` or `data.eval` stands for. `path` for files and bundled sets, `repo` for the Hub."""

    kind: Literal["file", "bundled", "hub"]
    path: Path | None = None
    repo: str | None = None
    format: Format | None = None


def resolve(name: str, *, base: Path | None = None) -> Source:
    """The source called `name`; relative paths start at `base`, or else at the current folder.

    `owner/name` is a Hub data set where no such file exists. SourceError where it is nothing of all this.
    """
    if is_bundled(name):
        path = data_path(name)
        return Source("bundled", path=path, format=FORMATS[path.suffix])
    try:
        path = (base or Path()) / Path(name).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(name, f"is not a name of a file or data set: {clean(str(error), limit=120)}") from None
    if not exists and _HUB_NAME.fullmatch(name) and path.suffix.lower() not in FORMATS:
        return Source("hub", repo=name)
    return Source("file", path=path, format=_format(path, _checked(path)))


def open_rows(path: Path | str, *, limit: int | None = None) -> Iterator[Row]:
    """The rows of a file in order, at most `limit`, read as they are asked for: a big file's first page is immediate.

    A row that cannot be read has a problem instead of values, and reading goes on where the format allows it. Of keys
    given twice in a JSON object the last one counts. SourceError, at the call, where the file gives no rows at all.
    """
    path = Path(path)
    start = _checked(path)
    form = _format(path, start)
    if form == "parquet":
        raise SourceError(path, "is a parquet file, which the engine reads (`python -m tuitune.engine preview PATH`)")
    if message := _encoding(start):
        raise SourceError(path, message)
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise SourceError(path, "is empty: it has only blank lines")
    rows = _read(path, form)
    first = next(rows, None)
    if first is None:
        raise SourceError(path, "is empty: it has a header and no rows" if form in ("csv", "tsv") else "is empty")
    return islice(_chained(first, rows), limit)


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _checked(path: Path) -> bytes:
    """The beginning of a regular file that is not empty."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(path, "is a folder; name a file in it")
        if not stat.S_ISREG(mode):
            raise SourceError(path, "is not a regular file")
        with path.open("rb") as file:
            start = file.read(_SNIFFED)
    except FileNotFoundError:
        raise SourceError(path, f"no such file; {_instead(path)}") from None
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not start:
        raise SourceError(path, "is empty")
    return start


def _instead(path: Path) -> str:
    """What may have been meant by the name of a file that is not there."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 1000)]
    except OSError:
        names = []
    if close := difflib.get_close_matches(path.name, names, 1, 0.7):
        return f"did you mean '{clean(close[0], limit=100)}'?"
    return f"a Hub data set is owner/name, and bundled are {', '.join(one.id for one in bundled_sets())}"


def _format(path: Path, start: bytes) -> Format:
    """By what is in the file where that is plain, else by its name: `.json` files often hold JSON Lines."""
    if start.startswith(b"PAR1"):
        return "parquet"
    form = FORMATS.get(path.suffix.lower())
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if form in ("json", "jsonl", None) and text[:1] in (b"{", b"["):
        return "json" if text[:1] == b"[" else _objects(text) or form or "jsonl"
    if form is None:
        kind = clean(path.suffix or path.name, limit=40)
        raise SourceError(path, f"is of an unknown kind ({kind}); known are {', '.join(FORMATS)}")
    return form


def _objects(text: bytes) -> Format | None:
    """Whether text that begins with an object is JSON Lines or one big object; None where that does not show."""
    line, newline, rest = text.partition(b"\n")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        if not newline:
            return None
        return "jsonl" if rest.lstrip()[:1] == b"{" else "json" if line.strip() == b"{" else None
    return "json" if not rest.strip() and isinstance(value.get("data"), list) else "jsonl"


def _encoding(start: bytes) -> str | None:
    """Why the beginning of a file cannot be UTF-8 text."""
    packed = {
        b"\x1f\x8b": "gzip",
        b"PK\x03\x04": "zip",
        b"\x28\xb5\x2f\xfd": "zstandard",
        b"BZh": "bzip2",
        b"\xfd7zXZ": "xz",
    }
    for magic, name in packed.items():
        if start.startswith(magic):
            return f"is packed with {name}; unpack it first"
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "is UTF-32 text; save it as UTF-8"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start[:200].count(0) * 3 > len(start[:200]):
        return "is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 OLD > NEW)"
    if start.count(0) > 8 + len(start) // 100:
        return "is not a text file"
    return None


def _read(path: Path, form: Format) -> Iterator[Row]:
    try:
        if form == "jsonl":
            with path.open("rb") as file:
                yield from read_lines(file)
        else:
            newline = "" if form in ("csv", "tsv") else None
            with path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline) as text:
                yield from _READERS[form](text)
    except OSError as error:
        raise SourceError(path, f"cannot be read: {error.strerror or error}") from error


_READERS: dict[str, Callable[[TextIO], Iterator[Row]]] = {
    "json": read_array,
    "csv": lambda file: read_table(file, ","),
    "tsv": lambda file: read_table(file, "\t"),
    "txt": read_text,
}
