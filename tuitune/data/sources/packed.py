"""Packed files as streams: gzip and Zstandard, unpacked as they are read and never further than is sane."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

MOST_RATIO = 200
"""How many times its packed size a file may unpack to; text packs to between a third and a fiftieth."""

FREE_BYTES = 64 << 20
"""Unpacked bytes that are never judged by their ratio."""

_WIDEST_WINDOW = 128 << 20
_BUFFER = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def is_packed(path: Path) -> bool:
    """Whether the file begins as one that `open_unpacked` unpacks."""
    with path.open("rb") as file:
        start = file.read(4)
    return start.startswith(_GZIP) or start == _ZSTANDARD


def open_unpacked(path: Path) -> io.BufferedReader:
    """The bytes of a file, unpacked where it is packed with gzip or Zstandard: its `raw` is then an `Unpacked`."""
    file = path.open("rb")
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        return io.BufferedReader(Unpacked(file, "gzip", lambda: zlib.decompressobj(31), 16 << 10), _BUFFER)
    if start == _ZSTANDARD:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WIDEST_WINDOW)
        return io.BufferedReader(Unpacked(file, "zstandard", unpacker.decompressobj, 1 << 10), _BUFFER)
    return file


class Unpacked(io.RawIOBase):
    """A packed file as a stream of what is in it. Where it is cut, broken or a bomb it ends, and `problem` says so.

    `step` bytes are unpacked at a time, few enough that what they can unpack to at worst fits in memory.
    """

    def __init__(self, file: io.BufferedReader, name: str, fresh: Callable[[], Any], step: int) -> None:
        self.file, self.packing, self.fresh, self.step = file, name, fresh, step
        self.member = fresh()
        self.packed = b""
        self.ready = memoryview(b"")
        self.taken = self.given = 0
        self.problem: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready and self._more():
            pass
        count = min(len(buffer), len(self.ready))
        buffer[:count] = self.ready[:count]
        self.ready = self.ready[count:]
        return count

    def _more(self) -> bool:
        """Unpack a little; False at the end."""
        if self.problem:
            return False
        packed = self.packed or self.file.read(self.step)
        if self.member.eof:
            self.packed = packed.lstrip(b"\0")  # padding, or files that were packed in parts
            self.member = self.fresh() if self.packed else self.member
            return bool(packed)
        if not packed:
            self.problem = f"the file is cut off: its {self.packing} data ends early; the rest is missing"
            return False
        try:
            content = self.member.decompress(packed)
        except (zlib.error, zstandard.ZstdError) as error:
            self.problem = f"the {self.packing} data is broken from here on: {error}"
            return False
        self.packed = self.member.unused_data if self.member.eof else b""
        self.taken += len(packed) - len(self.packed)
        self.given += len(content)
        if self.given > max(FREE_BYTES, MOST_RATIO * self.taken):
            self.problem = (
                f"the file unpacks to more than {MOST_RATIO} times its size, as a decompression bomb does; "
                "it is read up to here. Unpack it yourself if you trust it"
            )
            return False
        self.ready = memoryview(content)
        return True

    def close(self) -> None:
        self.file.close()
        super().close()
