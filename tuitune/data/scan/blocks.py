"""JSON Lines in blocks that are counted side by side: every line belongs to the block that it begins in."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from tuitune.data.scan.tally import Reading, Tally
from tuitune.data.sources.files import is_plain_lines
from tuitune.data.sources.formats import BOM
from tuitune.data.sources.json_rows import read_lines
from tuitune.data.sources.names import Source
from tuitune.data.sources.rows import DEEPEST, LONGEST
from tuitune.orphans import end_with
from tuitune.problem import TuituneError
from tuitune.rows.numbers import has_fractions

SIZE = 8 << 20
"""Bytes in a block."""

_WORTH_PROCESSES = 8 << 20
_MOST_PROCESSES = 16
_AHEAD = 4
_BUFFER = 1 << 18


@dataclass(frozen=True)
class Block:
    """The lines of a file that begin from byte `start` to before `end`."""

    path: Path
    start: int
    end: int
    file: str | None = None


def blocks_of(source: Source, size: int = SIZE) -> list[Block]:
    """The blocks of a source, in order; none where it is anything but plain files of JSON Lines."""
    if not source.paths or not all(map(is_plain_lines, source.paths)):
        return []
    files = [(path, path.stat().st_size, name) for path, name in source.named_paths]
    return [Block(path, at, min(at + size, end), name) for path, end, name in files for at in range(0, end, size)]


def count_blocks(blocks: list[Block], reading: Reading) -> Iterator[tuple[Tally, int]]:
    """A tally of each block, in order and with its place in the whole, and the block's bytes."""
    rows = lines = 0
    path = None
    for block, tally in zip(blocks, _counted(blocks, reading), strict=True):
        lines = lines if block.path == path else 0
        path = block.path
        tally.place(rows, lines)
        rows, lines = rows + tally.rows, lines + tally.lines
        yield tally, block.end - block.start


def _counted(blocks: list[Block], reading: Reading) -> Iterator[Tally]:
    """The tallies of the blocks in order, made by as many processes as there are cores."""
    processes = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
    if processes == 1 or sum(block.end - block.start for block in blocks) < _WORTH_PROCESSES:
        yield from (count(block, reading) for block in blocks)
        return
    waiting: deque[Future[Tally]] = deque()
    pool = ProcessPoolExecutor(processes, get_context("fork"), initializer=end_with, initargs=(os.getpid(),))
    try:
        with pool:
            for block in blocks:
                waiting.append(pool.submit(count, block, reading))
                if len(waiting) > _AHEAD * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool:
        raise TuituneError("a process that counts rows was killed, perhaps for lack of memory") from None


def count(block: Block, reading: Reading) -> Tally:
    """The tally of one block, its rows and lines numbered from 1."""
    tally = Tally(reading)
    number = line = 0
    loads, add_plain = orjson.loads, tally.add_plain
    for line, text in enumerate(_lines(block), 1):
        try:
            values = loads(text)
        except orjson.JSONDecodeError:
            values = None
        if type(values) is dict and len(text) <= LONGEST and add_plain(values, number + 1):
            number += 1
        elif type(values) is dict and len(text) <= LONGEST and _is_simple(values, text):
            number += 1
            tally.add_values(values, number, line, block.file)
        else:
            for row in read_lines(BytesIO(text), number, line - 1):
                number += 1
                tally.add(replace(row, file=block.file))
    tally.lines = line
    tally.close()
    return tally


def _is_simple(values: dict[str, Any], text: bytes) -> bool:
    """Whether a row is as it was parsed: not nested too deeply, and with no number that was read otherwise."""
    return text.count(b"{") + text.count(b"[") <= DEEPEST and not has_fractions(values)


def _lines(block: Block) -> Iterator[bytes]:
    """The lines that begin in a block; of one that is too long to be read the beginning, which is too long as well."""
    with block.path.open("rb", buffering=_BUFFER) as file:
        at = block.start
        if at:
            file.seek(at - 1)
            at = _past_line(file, at - 1, block.end)
        while at < block.end and (text := file.readline(LONGEST + 1)):
            yield text if at else text.removeprefix(BOM)
            at += len(text)
            if len(text) > LONGEST and not text.endswith(b"\n"):
                at = _past_line(file, at, block.end)


def _past_line(file: BinaryIO, at: int, end: int) -> int:
    """Read on from `at` to the end of the line, or to where no line can begin before `end`. The place reached."""
    while at < end and (text := file.readline(_BUFFER)):
        at += len(text)
        if text.endswith(b"\n"):
            break
    return at
