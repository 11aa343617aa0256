"""Where the rows of a JSON Lines file begin, so that a page far inside a big one comes at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tuitune.data.sources.formats import BOM
from tuitune.data.sources.json_rows import read_lines
from tuitune.data.sources.rows import Row

_STRIDE = 4 << 20


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
            count = text.count(b"\n")
            self.rows.append(self.rows[-1] + count - _blank_lines(text))
            self.places.append((file.tell(), lines + count))
            self.ended = last


def _blank_lines(text: bytes) -> int:
    """How many of the lines of a text that ends with one are blank."""
    return sum(not line or line.isspace() for line in text.split(b"\n")) - 1


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
