"""The first page of a data set, whatever it lies in: a file read here, or parquet and Hub data read by the engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.data.scan.inspect import recognise
from tuitune.data.shapes.convert import to_canonical
from tuitune.data.shapes.detect import Detection, refusal
from tuitune.data.shapes.turns import RowProblem
from tuitune.data.sources.names import resolve
from tuitune.data.sources.preview import preview
from tuitune.data.sources.rows import Row
from tuitune.problem import TuituneError
from tuitune.recipe.schema import DataSection
from tuitune.text import redact, strip_ansi

PAGE_ROWS = 200
ENGINE_ROWS = 50
ENGINE_SECONDS = 90.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class PageRow:
    """A row as it lies in the data, and as training would read it; `problem` says why it cannot."""

    row: Row
    canonical: dict[str, Any] | None
    problem: str | None


@dataclass(frozen=True)
class DataPage:
    """The first rows of a data set, with the shape recognised from them. `complete` where these are all rows."""

    rows: tuple[PageRow, ...]
    detection: Detection
    complete: bool

    @property
    def refusal(self) -> str | None:
        """Why training cannot take rows of this shape."""
        return refusal(self.detection.shape)


def read_page(data: DataSection, *, base: Path, cancelled: Callable[[], bool] = lambda: False) -> DataPage:
    """Read the first rows of `data.train` as training would. TuituneError says in words why there are none."""
    source = resolve(data.train, base=base)
    if source.path is not None and source.format != "parquet":
        rows, asked = preview(source.path, PAGE_ROWS), PAGE_ROWS
    else:
        rows, asked = _from_engine(str(source.path or source.repo), data.split, cancelled), ENGINE_ROWS
    detection = recognise(rows, data.shape, data.columns)
    return DataPage(tuple(_page_row(row, detection) for row in rows), detection, complete=len(rows) < asked)


def _page_row(row: Row, detection: Detection) -> PageRow:
    if row.values is None:
        return PageRow(row, None, row.problem or "cannot be read")
    if refusal(detection.shape):
        return PageRow(row, None, None)
    try:
        return PageRow(row, to_canonical(row.values, detection.shape, detection.columns), None)
    except RowProblem as problem:
        return PageRow(row, None, str(problem))


def _from_engine(name: str, split: str, cancelled: Callable[[], bool]) -> list[Row]:
    command = [
        sys.executable,
        "-P",
        "-m",
        "tuitune.engine",
        "preview",
        name,
        "--rows",
        str(ENGINE_ROWS),
        "--split",
        split,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as engine:
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            try:
                output, complaint = engine.communicate(timeout=_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if cancelled() or time.monotonic() > deadline:
                    engine.kill()
                    raise TuituneError(f"{name}: reading it took longer than {ENGINE_SECONDS:.0f} s") from None
    if engine.returncode != 0:
        raise TuituneError(f"{name}: {_last_line(complaint) or f'the engine ended with code {engine.returncode}'}")
    return [_row(number, line) for number, line in enumerate(output.splitlines(), 1) if line.strip()]


def _row(number: int, line: bytes) -> Row:
    values = json.loads(line)
    return (
        Row(number, None, values) if isinstance(values, dict) else Row(number, None, None, "is not a table of columns")
    )


def _last_line(output: bytes) -> str:
    lines = strip_ansi(output.decode("utf-8", "replace")).strip().splitlines()
    return redact(lines[-1])[:500] if lines else ""
