"""The journal: append-only JSON lines with one writer a file and any number of readers.

A record is one line, `{"v": 1, "seq": n, "time": unix seconds, …}`. The writer puts each in the file with one `write`;
a torn last line means "wait". The reader never raises: what it cannot understand it counts in `broken` and skips.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from tuitune.runs.store import files
from tuitune.runs.store.records import L, Record, whole

VERSION = 1
LINE_LIMIT = 1 << 20
TEXT_LIMIT = 1 << 16
_CHUNK = LINE_LIMIT + 1
_PIECE = 1 << 17


class JournalWriter:
    """Appends records to a journal file, creating it with mode 0600; safe to use from several threads of one process.

    A tail that an earlier writer left torn is closed, and the numbering goes on where it ended. OSError where the file
    cannot be opened or written, or is not a plain file.
    """

    def __init__(self, path: Path) -> None:
        content = files.tail(path, LINE_LIMIT)
        self._torn = bool(content) and not content.endswith(b"\n")
        self._seq = _last_seq(content)
        self._fd = files.open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._lock = threading.Lock()

    def append(self, *, sync: bool = False, **fields: Any) -> None:
        """Write one record; with `sync` it is on disk when this returns.

        Numbers that are not finite become null and their names are listed under `nonfinite`; texts are cut at
        65 536 characters.
        """
        nonfinite: list[str] = []
        body = {name: _writable(value, name, nonfinite) for name, value in fields.items()}
        if nonfinite:
            body["nonfinite"] = nonfinite
        with self._lock:
            record = {"v": VERSION, "seq": self._seq + 1, "time": round(time.time(), 3), **body}
            line = json.dumps(record, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
            if len(line) > LINE_LIMIT:
                raise ValueError(f"a journal record of {len(line)} bytes; the limit is {LINE_LIMIT}")
            self._write(line)
            self._seq += 1
        if sync:
            self.sync()

    def sync(self) -> None:
        """Have everything that was appended on disk."""
        os.fdatasync(self._fd)

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        self._torn = True
        files.write_all(self._fd, line)
        self._torn = False

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _writable(value: Any, name: str, nonfinite: list[str]) -> Any:
    """`value` as strict JSON takes it; the dotted names of numbers that are not finite are added to `nonfinite`."""
    if isinstance(value, float) and not math.isfinite(value):
        nonfinite.append(name)
        return None
    if isinstance(value, str):
        whole = value.encode("utf-8", "replace").decode("utf-8")
        return whole if len(whole) <= TEXT_LIMIT else whole[: TEXT_LIMIT - 1] + "…"
    if isinstance(value, dict):
        return {str(key): _writable(inner, f"{name}.{key}", nonfinite) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(inner, f"{name}.{index}", nonfinite) for index, inner in enumerate(value)]
    return value


def _last_seq(content: bytes) -> int:
    for line in reversed(content.split(b"\n")):
        record = _parse(line)
        if record is not None and (seq := whole(record, "seq")) is not None:
            return seq
    return 0


def _parse(line: bytes) -> Record | None:
    """The record of a line, None for a broken one. A run of NULs, as a crash of the machine leaves, is looked past."""
    if len(line) > LINE_LIMIT:
        return None
    try:
        record = orjson.loads(line.strip(b"\0"))
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


class JournalReader:
    """Follows a journal file that may not exist yet, grow, be cut short or be replaced.

    `broken` counts the lines skipped. `reloads` counts the times that the file turned out to be another or a shorter
    one: what was read before is void then, and `poll` starts again from its beginning. `at_end` says whether the last
    `poll` read everything there was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = 0
        self.reloads = 0
        self.at_end = False
        self._inode = 0
        self._offset = 0
        self._overlong = False

    def poll(self, max_records: int | None = None) -> list[Record]:
        """The records that came since the last call, at most `max_records` of them; empty where there are none."""
        self.at_end = True
        with suppress(OSError), files.opened(self.path) as fd:
            return self._read(fd, max_records)
        return []

    def _read(self, fd: int, max_records: int | None) -> list[Record]:
        self._notice_replacement(fd)
        records: list[Record] = []
        while max_records is None or len(records) < max_records:
            chunk = os.pread(fd, _CHUNK, self._offset)
            end = chunk.rfind(b"\n") + 1
            if end:
                self._take(chunk[:end], records, max_records)
            elif len(chunk) > LINE_LIMIT:
                self._overlong = True
                self._offset += len(chunk)
            else:
                return records
        self.at_end = os.fstat(fd).st_size <= self._offset
        return records

    def _notice_replacement(self, fd: int) -> None:
        found = os.fstat(fd)
        known = self._inode in (0, found.st_ino) and self._offset <= found.st_size
        if known and self._offset and not self._overlong:
            known = os.pread(fd, 1, self._offset - 1) == b"\n"
        if not known:
            self.reloads += 1
            self._offset, self._overlong, self.broken = 0, False, 0
        self._inode = found.st_ino

    def _take(self, block: bytes, records: list[Record], max_records: int | None) -> None:
        """Parse whole lines into `records`, no more than go up to `max_records`, and remember how far that went."""
        *lines, later = block.split(b"\n", -1 if max_records is None else max_records - len(records))
        self._offset += len(block) - len(later)
        if self._overlong:
            del lines[0]
            self.broken, self._overlong = self.broken + 1, False
        for line in lines:
            record = _parse(line)
            if record is not None:
                records.append(record)
            elif line.strip():
                self.broken += 1


def read_all(path: Path) -> list[Record]:
    """Every record of a journal file that can be read; empty where there is none."""
    return JournalReader(path).poll()


def last(path: Path, kind: type[L]) -> L | None:
    """The last record of a kind, looked for from the end of the file."""
    return next(map(kind.read, backwards(path, kind.kind)), None)


def last_seq(path: Path) -> int:
    """The number of the last record; 0 where there is none."""
    return _last_seq(files.tail(path, LINE_LIMIT))


def backwards(path: Path, *kinds: str, reach: int | None = None) -> Iterator[Record]:
    """The records of a journal file, the newest first, without the unfinished line at its end. Never raises.

    With `kinds`, those of these kinds alone, which is far cheaper than to sort them out. Only so much of the file is
    read as records are taken from the iterator, and at most the last `reach` bytes.
    """
    wanted = re.compile(rb'"(?:event|kind)": ?"(?:%s)"' % b"|".join(re.escape(kind.encode()) for kind in kinds))
    for line in _lines_backwards(path, reach, wanted if kinds else None):
        record = _parse(line)
        if record is not None and (not kinds or record.get("kind", record.get("event")) in kinds):
            yield record


def _lines_backwards(path: Path, reach: int | None, wanted: re.Pattern[bytes] | None) -> Iterator[bytes]:
    """The finished lines of a file from its end, those that match `wanted`; of one that is too long, its beginning."""
    with suppress(OSError), files.opened(path) as fd:
        position = size = os.fstat(fd).st_size
        begin = 0 if reach is None else max(0, size - reach)
        rest, torn = b"", True
        while position > begin:
            start = max(begin, position - _PIECE)
            block = os.pread(fd, position - start, start) + rest
            position = start
            first, newline, later = block.partition(b"\n")
            if newline and torn:
                later, torn = later[: later.rfind(b"\n") + 1], False
            if newline and (wanted is None or wanted.search(later)):
                yield from _matching(reversed(later.split(b"\n")), wanted)
            rest = b"" if torn else first[: LINE_LIMIT + 1]
        if begin == 0:
            yield from _matching([rest], wanted)


def _matching(lines: Iterable[bytes], wanted: re.Pattern[bytes] | None) -> Iterator[bytes]:
    return (line for line in lines if line and (wanted is None or wanted.search(line)))
