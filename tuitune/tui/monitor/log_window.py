"""A window on a log file of any size: only the block around what is shown is ever read."""

from __future__ import annotations

import os
from pathlib import Path

from tuitune.runs.read.log import shown
from tuitune.runs.store import files
from tuitune.text import redactor

BLOCK = 1 << 16
LINE_LIMIT = 4_000


class LogWindow:
    """Lines of `path` from a byte offset, or its newest ones while it follows (`offset` is None)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset: int | None = None

    def lines(self, count: int) -> list[str]:
        """At most `count` lines, safe to show; empty where there is no log or it is not a plain file."""
        if count < 1:
            return []
        if self.offset is not None:
            return _texts(_split(self._read(self.offset, BLOCK))[:count])
        lines = _split(files.tail(self.path, BLOCK))
        return _texts(lines[1:][-count:] if self._size() > BLOCK else lines[-count:])

    def scroll(self, lines: int, shown: int) -> None:
        """Move by `lines` (negative: back) while `shown` lines fit; at the end of the file it follows again."""
        if self.offset is None and lines >= 0:
            return
        size = self._size()
        if lines < 0:
            self.offset = self._back(
                size if self.offset is None else self.offset, -lines + (shown if self.offset is None else 0)
            )
            return
        offset = self.offset or 0
        for length in [len(line) for line in self._read(offset, BLOCK).splitlines(keepends=True)][:lines]:
            offset += length
        self.offset = offset if self._read(offset, BLOCK).count(b"\n") > shown or size - offset > BLOCK else None

    def first(self) -> None:
        self.offset = 0

    def follow(self) -> None:
        self.offset = None

    def _back(self, offset: int, lines: int) -> int:
        """The offset of the line that begins `lines` lines before `offset`, at most a block away."""
        start = max(0, offset - BLOCK)
        block = self._read(start, offset - start)
        position = len(block)
        for _ in range(lines + 1):
            position = block.rfind(b"\n", 0, position)
            if position < 0:
                return start
        return start + position + 1

    def _size(self) -> int:
        try:
            return self.path.lstat().st_size
        except OSError:
            return 0

    def _read(self, offset: int, size: int) -> bytes:
        try:
            fd = files.open_regular(self.path, os.O_RDONLY)
        except OSError:
            return b""
        try:
            return os.pread(fd, size, offset)
        except OSError:
            return b""
        finally:
            os.close(fd)


def _split(block: bytes) -> list[bytes]:
    """The lines of a block; its end is no empty line of its own."""
    lines = block.split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def _texts(lines: list[bytes]) -> list[str]:
    hide = redactor()
    return [shown(line, hide, LINE_LIMIT) for line in lines]
