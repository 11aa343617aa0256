"""Reading training data: from files, bundled sets and the Hub to canonical rows, every problem named with its row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import datasets

from tuitune.data.scan.inspect import SAMPLE
from tuitune.data.shapes.convert import to_canonical
from tuitune.data.shapes.detect import recognise
from tuitune.data.shapes.objectives import refusal
from tuitune.data.shapes.turns import RowProblem
from tuitune.data.sources.names import open_rows, resolve
from tuitune.data.sources.rows import Row
from tuitune.engine.failures import EngineError
from tuitune.recipe.schema import DataSection

Canonical = dict[str, Any]
"""A row as `tuitune.data.shapes.convert` makes it: `messages`, `prompt` and `completion`, or `text`."""

_SHOWN_PROBLEMS = 3


def read(name: str, data: DataSection, *, limit: int | None = None) -> list[Canonical]:
    """Every row of the source called `name`, in the shape that the recipe says or the rows show.

    EngineError names the file, the rows and the fields that cannot be used.
    """
    source = resolve(name)
    rows = list(open_source(name, data.split, limit))
    label = source.repo or name
    found = recognise(rows[:SAMPLE], data.shape, data.columns)
    if (reason := refusal(found.shape)) is not None:
        raise EngineError(f"{label}: {reason}")
    canonical: list[Canonical] = []
    problems: list[str] = []
    for row in rows:
        try:
            if row.values is None:
                raise RowProblem("", row.problem or "cannot be read")
            canonical.append(to_canonical(row.values, found.shape, found.columns))
        except RowProblem as problem:
            line = f" (line {row.line})" if row.line else ""
            problems.append(f"row {row.number}{line}: {problem}")
    if problems:
        more = f" and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        first = "; ".join(problems[:_SHOWN_PROBLEMS])
        raise EngineError(f"{label}: {len(problems)} of {len(rows)} rows cannot be used: {first}{more}")
    if not canonical:
        raise EngineError(f"{label}: has no rows")
    return canonical


def open_source(name: str, split: str, limit: int | None = None) -> Iterator[Row]:
    """The rows of a file, a bundled set or a Hub data set, at most `limit`."""
    source = resolve(name)
    if source.kind == "hub":
        stream = datasets.load_dataset(str(source.repo), split=split, streaming=limit is not None)
        return _numbered(islice(stream, limit))
    if source.format == "parquet":
        return _numbered(islice(_parquet(Path(str(source.path))), limit))
    return open_rows(Path(str(source.path)), limit=limit)


def _parquet(path: Path) -> Iterator[dict]:
    """Rows of a parquet file, a batch at a time."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        for batch in ParquetFile(path).iter_batches(batch_size=1000):
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise EngineError(f"{path}: is no readable parquet file: {error}") from error


def _numbered(values: Iterable[dict]) -> Iterator[Row]:
    return (Row(number, None, value) for number, value in enumerate(values, start=1))
