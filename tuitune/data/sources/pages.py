"""A source looked at page by page: any page of it, at once where that can be."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from tuitune.data.sources.files import is_plain_lines, open_rows
from tuitune.data.sources.formats import BOM
from tuitune.data.sources.json_rows import read_lines
from tuitune.data.sources.names import Source, resolve, rows_of_one, stamp
from tuitune.data.sources.rows import Row, name_of
from tuitune.problem import TuituneError
from tuitune.rows.numbers import loads
from tuitune.text import last_line

WAIT_SECONDS = 120.0
"""How long a page that another process reads (parquet, the Hub) is waited for."""

FETCH_SECONDS = 3600.0
"""How long a file is waited for that is fetched from the web first."""

_POLL_SECONDS = 0.05
_BOOKS = 8
_KEPT_PAGES = 16
_STRIDE = 4 << 20


@dataclass(frozen=True)
class Page:
    """Rows of a source from number `first` on. `complete` where they are the last there are."""

    rows: tuple[Row, ...]
    first: int
    complete: bool


def read_page(
    name: str,
    *,
    first: int = 1,
    count: int = 200,
    split: str = "train",
    base: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Page:
    """Rows `first` to `first + count - 1` of the source called `name`; none where it has not that many.

    Files of text are read here, others by a process of its own. TuituneError says why there are none, also where
    `cancelled` came true first. Any thread may ask.
    """
    source = resolve(name, base=base)
    if not source.light:
        wait = FETCH_SECONDS if source.kind == "web" else WAIT_SECONDS
        command = ["page", "--first", str(first), "--rows", str(count + 1), "--split", split, "-"]
        rows = _from_process(name, command, base, wait, cancelled)
        return Page(rows[:count], first, complete=len(rows) <= count)
    page = _book(source, stamp(source)).page(first, count, cancelled)
    if cancelled():
        raise TuituneError(f"{name_of(name)}: reading was cancelled")
    return page


@lru_cache(maxsize=_BOOKS)
def _book(source: Source, _stamp: str) -> _Book:
    """What is known of the source as it lies there now."""
    return _Book(source)


class _Book:
    """A light source: how far each of its files is known, the last pages, and where reading is to go on."""

    def __init__(self, source: Source) -> None:
        self.files = [_File(path, name) for path, name in source.named_paths]
        self.pages: OrderedDict[tuple[int, int], Page] = OrderedDict()
        self.bookmark: tuple[int, Iterator[Row]] | None = None
        self.lock = threading.Lock()

    def page(self, first: int, count: int, cancelled: Callable[[], bool]) -> Page:
        with self.lock:
            if (first, count) not in self.pages:
                page = self._read(first, count, cancelled)
                if cancelled():
                    return page
                self.pages[first, count] = page
            self.pages.move_to_end((first, count))
            if len(self.pages) > _KEPT_PAGES:
                self.pages.popitem(last=False)
            return self.pages[first, count]

    def _read(self, first: int, count: int, cancelled: Callable[[], bool]) -> Page:
        at, reader = self.bookmark or (0, iter(()))
        self.bookmark = None
        if at != first:
            reader = self._rows_from(first, cancelled)
        rows = list(islice(reader, count))
        following = next(reader, None)
        if following is not None:
            self.bookmark = first + count, chain([following], reader)
        return Page(tuple(rows), first, complete=following is None)

    def _rows_from(self, first: int, cancelled: Callable[[], bool]) -> Iterator[Row]:
        before = 0
        for file in self.files:
            rows, skipped = file.rows_from(max(first - 1 - before, 0), cancelled)
            if skipped < first - 1 - before:
                before += skipped
                continue
            if cancelled():
                return
            start, number = before, 0
            for row in rows:
                number = row.number
                yield row if file.name is None else replace(row, number=start + number, file=file.name)
            before = start + max(number, skipped)


class _File:
    """One file: with an index of its lines where it is JSON Lines, else read from its beginning."""

    def __init__(self, path: Path, name: str | None) -> None:
        self.path, self.name = path, name

    @cached_property
    def index(self) -> LineIndex | None:
        return LineIndex(self.path) if is_plain_lines(self.path) else None

    def rows_from(self, skipped: int, cancelled: Callable[[], bool]) -> tuple[Iterator[Row], int]:
        """The rows after the first `skipped`, and how many were: fewer where there are not that many."""
        rows = open_rows(self.path) if self.name is None else rows_of_one(self.path)
        if skipped == 0:
            return rows, 0
        if self.index:
            return self.index.rows_from(skipped, cancelled)
        passed = 0
        while passed < skipped and not cancelled() and next(rows, None) is not None:
            passed += 1
        return rows, passed


class LineIndex:
    """Every few MiB the place in the file, the rows and the lines before it. It grows as far as it is asked to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = [0]
        self.places = [(0, 0)]
        self.ended = False

    def rows_from(self, skipped: int, cancelled: Callable[[], bool]) -> tuple[Iterator[Row], int]:
        """The rows after the first `skipped`, and how many were: fewer where the file has not that many.

        Once `cancelled` says so the search is left, and there are no rows.
        """
        with self.path.open("rb") as file:
            self._grow(file, skipped, cancelled)
        index = bisect_right(self.rows, skipped) - 1
        rows, (offset, lines) = self.rows[index], self.places[index]
        if (self.ended and index == len(self.rows) - 1 and rows < skipped) or cancelled():
            return iter(()), rows
        return self._read(offset, rows, lines, skipped), skipped

    def _read(self, offset: int, rows: int, lines: int, skipped: int) -> Iterator[Row]:
        with self.path.open("rb") as file:
            file.seek(offset)
            yield from (row for row in read_lines(file, rows, lines) if row.number > skipped)

    def _grow(self, file: BinaryIO, wanted: int, cancelled: Callable[[], bool]) -> None:
        while not self.ended and self.rows[-1] <= wanted and not cancelled():
            offset, lines = self.places[-1]
            file.seek(offset)
            piece = _whole_lines(file)
            last = not piece.endswith(b"\n")
            text = (piece.removeprefix(BOM) if offset == 0 else piece) + (b"\n" if last and piece else b"")
            *whole, _ = text.split(b"\n")
            self.rows.append(self.rows[-1] + sum(bool(line) and not line.isspace() for line in whole))
            self.places.append((file.tell(), lines + len(whole)))
            self.ended = last


def _whole_lines(file: BinaryIO) -> bytes:
    """The next few MiB up to the end of a line. A line longer than that is stood in for by a short one."""
    piece = file.read(_STRIDE)
    if len(piece) < _STRIDE or piece.endswith(b"\n"):
        return piece
    if end := piece.rfind(b"\n") + 1:
        file.seek(end - len(piece), 1)
        return piece[:end]
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(_STRIDE)
    return b"x" + piece[-1:]


def _from_process(
    name: str, arguments: list[str], base: Path | None, wait: float, cancelled: Callable[[], bool]
) -> tuple[Row, ...]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tuitune.data", *arguments],
        cwd=base,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as reader:
        if reader.stdin is not None:
            reader.stdin.write(os.fsencode(name))
        deadline = time.monotonic() + wait
        while True:
            try:
                output, complaint = reader.communicate(timeout=_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if cancelled() or time.monotonic() > deadline:
                    reader.kill()
                    why = "was cancelled" if cancelled() else f"took longer than {wait:.0f} s"
                    raise TuituneError(f"{name_of(name)}: reading it {why}") from None
    if reader.returncode != 0:
        shown = last_line(complaint, limit=500) or f"the process that read it ended with code {reader.returncode}"
        raise TuituneError(shown if name_of(name) in shown else f"{name_of(name)}: {shown}")
    return tuple(Row(**loads(line)) for line in output.splitlines())
