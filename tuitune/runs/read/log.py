"""A run's log, line by line and safe to show, in memory that no line of it can fill: one may have no end at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tuitune import plain
from tuitune.text import clean, redactor, strip_ansi

LINE_LIMIT = 20_000
"""Characters shown of a line; a library may have printed a whole tensor into one."""

_BYTES_LIMIT = 4 * LINE_LIMIT + 1
_PIECE = 1 << 20


def log_lines(path: Path, newest: int | None = None) -> Iterator[str]:
    """The lines of a log, or the `newest` so many of them; what is written meanwhile is left out.

    A line that was rewritten in place is given as its last version. OSError where the log is not a plain file.
    """
    fd, hide = plain.opened(path, links=False), redactor()
    try:
        end = os.fstat(fd).st_size
        start = _start(fd, end, newest) if newest else 0
        for line in _lines(fd, start, end):
            yield shown(line, hide)
    finally:
        os.close(fd)


def shown(line: bytes, hide: Callable[[str], str], limit: int = LINE_LIMIT) -> str:
    """A line of a log as a terminal would have left it, safe to show, without what `hide` (see `redactor`) knows."""
    text = _last_version(line).rstrip(b"\r").decode("utf-8", "backslashreplace")
    return clean(hide(strip_ansi(text)), limit=limit)


def _start(fd: int, end: int, newest: int) -> int:
    """Where the last `newest` lines before `end` begin."""
    position, wanted = end, newest + (os.pread(fd, 1, end - 1) == b"\n" if end else 0)
    while position:
        begin = max(0, position - _PIECE)
        block = os.pread(fd, position - begin, begin)
        found = block.count(b"\n")
        if found >= wanted:
            return begin + len(block.rsplit(b"\n", wanted)[0]) + 1
        position, wanted = begin, wanted - found
    return 0


def _lines(fd: int, start: int, end: int) -> Iterator[bytes]:
    """The lines from `start` to `end`; of one that is too long, its beginning."""
    kept, position = b"", start
    while position < end and (block := os.pread(fd, min(_PIECE, end - position), position)):
        position += len(block)
        *finished, rest = block.split(b"\n")
        for part in finished:
            yield _joined(kept, part)
            kept = b""
        kept = _joined(kept, rest)
    if kept:
        yield kept


def _joined(kept: bytes, part: bytes) -> bytes:
    return _last_version(kept + part)[:_BYTES_LIMIT] if part else kept


def _last_version(line: bytes) -> bytes:
    """What follows the last carriage return that something follows."""
    body = line.rstrip(b"\r")
    return body.rpartition(b"\r")[2] + line[len(body) :][:1]
