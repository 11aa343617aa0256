"""A window on a log file of any size: only the block around what is shown is ever read."""

from __future__ import annotations

import os
from pathlib import Path

from tuitune.runs import files
from tuitune.text import clean, redact, strip_ansi

BLOCK = 1 << 16
LINE_LIMIT = 4_000


class LogWindow:
    """Lines of `path` from a byte offset, or its newest ones while it follows (`offset` is None)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset: int | None = None

    def lines(self, count: int) -> list[str]:
        """At most `count` lines, safe to show; empty where there is no log or it is not a plain file."""
        if self.offset is None:
            return _texts(files.tail(self.path, BLOCK), self._size() > BLOCK)[-count:] if count > 0 else []
        return _texts(self._read(self.offset, BLOCK), False)[:count]

    def scroll(self, lines: int, shown: int) -> None:
        """Move by `lines` (negative: back) while `shown` lines fit; at the end of the file it follows again."""
        if self.offset is None and lines >= 0:
            return
        size = self._size()
        if lines < 0:
            self.offset = self._back(size if self.offset is None else self.offset, -lines + (shown if self.offset is None else 0))
            return
        offset = self.offset or 0
        for length in [len(line) for line in self._read(offset, BLOCK).splitlines(keepends=True)][:lines]:
            offset += length
        self.offset = offset if self._read(offset, BLOCK).count(b"\n") > shown or size - offset > BLOCK else None

    def first(self) -> None:
        self.offset = 0

    def follow(self) -> None:
        self.offset = None

    @property
    def share(self) -> float:
        """How far into the file the window is, 0 to 1."""
        size = self._size()
        return 1.0 if self.offset is None or not size else min(self.offset / size, 1.0)

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


def _texts(block: bytes, torn: bool) -> list[str]:
    """The lines of a block as a terminal would have left them: of a line rewritten in place, its last version."""
    lines = block.decode("utf-8", "replace").split("\n")
    if torn:
        lines = lines[1:]
    if lines and not lines[-1]:
        lines.pop()
    return [_text(line) for line in lines]


def _text(line: str) -> str:
    versions = [version for version in line.split("\r") if version]
    return clean(redact(strip_ansi(versions[-1])), limit=LINE_LIMIT) if versions else ""
