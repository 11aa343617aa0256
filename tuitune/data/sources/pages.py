"""A source looked at page by page: any page of it, at once where that can be."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tuitune.data.sources.files import beginning
from tuitune.data.sources.formats import format_of
from tuitune.data.sources.line_index import LineIndex
from tuitune.data.sources.names import Source, file_names, open_rows, resolve, rows_of_one, stamp
from tuitune.data.sources.numbers import loads
from tuitune.data.sources.packed import is_packed
from tuitune.data.sources.rows import Row, SourceError, name_of
from tuitune.problem import TuituneError
from tuitune.text import clean, redact, strip_ansi

WAIT_SECONDS = 120.0
"""How long a page that another process reads (parquet, the Hub) is waited for."""

FETCH_SECONDS = 3600.0
"""How long a file is waited for that is fetched from the web first."""

_POLL_SECONDS = 0.05
_BOOKS = 8
_KEPT_PAGES = 16


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
    page = _book(source).page(first, count, cancelled)
    if cancelled():
        raise TuituneError(f"{name_of(name)}: reading was cancelled")
    return page


_books: OrderedDict[str, _Book] = OrderedDict()
_books_lock = threading.Lock()


def _book(source: Source) -> _Book:
    """What is known of the source as it lies there now."""
    key = stamp(source)
    with _books_lock:
        book = _books.setdefault(key, _Book(source))
        _books.move_to_end(key)
        while len(_books) > _BOOKS:
            _books.popitem(last=False)
    return book


class _Book:
    """A light source: how far each of its files is known, the last pages, and where reading is to go on."""

    def __init__(self, source: Source) -> None:
        names: list[str | None] = [*file_names(source.paths)] if source.kind == "files" else [None]
        self.files = [_File(path, name) for path, name in zip(source.paths, names, strict=True)]
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
            self.bookmark = first + count, _resumed(following, reader)
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


def _resumed(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


class _File:
    """One file: with an index of its lines where it is JSON Lines, else read from its beginning."""

    def __init__(self, path: Path, name: str | None) -> None:
        self.path, self.name = path, name
        self.index: LineIndex | None = None
        self.looked = False

    def rows_from(self, skipped: int, cancelled: Callable[[], bool]) -> tuple[Iterator[Row], int]:
        """The rows after the first `skipped`, and how many were: fewer where there are not that many."""
        rows = open_rows(self.path) if self.name is None else rows_of_one(self.path)
        if skipped == 0:
            return rows, 0
        if index := self._line_index():
            return index.rows_from(skipped, cancelled)
        passed = 0
        while passed < skipped and not cancelled() and next(rows, None) is not None:
            passed += 1
        return rows, passed

    def _line_index(self) -> LineIndex | None:
        if not self.looked:
            self.looked = True
            try:
                plain = not is_packed(self.path) and format_of(self.path, beginning(self.path)) == "jsonl"
            except SourceError:
                plain = False
            self.index = LineIndex(self.path) if plain else None
        return self.index


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
        shown = _last_line(complaint) or f"the process that read it ended with code {reader.returncode}"
        raise TuituneError(shown if name_of(name) in shown else f"{name_of(name)}: {shown}")
    return tuple(Row(**loads(line)) for line in output.splitlines())


def _last_line(output: bytes) -> str:
    lines = strip_ansi(output.decode("utf-8", "replace")).strip().splitlines()
    return clean(redact(lines[-1]), limit=500) if lines else ""
