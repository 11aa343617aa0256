"""A page of a data set as the screens show it: each row as it lies in the data, and as training would read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tuitune.data.detect import Detection, recognise
from tuitune.data.sources import pages
from tuitune.data.sources.rows import Row, mark
from tuitune.recipe.sections.data import DataSection
from tuitune.rows.fields import RowProblem
from tuitune.shapes import SHAPES, to_canonical

PAGE_ROWS = 200


@dataclass(frozen=True)
class PageRow:
    """A row, and what it is converted to; `problem` says why it cannot be."""

    row: Row
    canonical: dict[str, Any] | None
    problem: str | None

    @cached_property
    def mark(self) -> str:
        """What `data.exclude` names the row by."""
        return mark(self.row)


@dataclass(frozen=True)
class DataPage:
    """Rows of a data set from number `first` on, read as `detection` says. `complete` where none come after them."""

    rows: tuple[PageRow, ...]
    detection: Detection
    complete: bool
    first: int = 1

    def read_as(self, detection: Detection) -> DataPage:
        """The same rows, read in another way."""
        return _page([one.row for one in self.rows], detection, self.complete, self.first)


def read_page(
    data: DataSection,
    *,
    base: Path,
    number: int = 1,
    detection: Detection | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> DataPage:
    """Read the page of `data.train` that row `number` is on. TuituneError says in words why there is none.

    Without `detection` the shape is recognised from these rows, as `data.shape` and `data.columns` ask for it.
    """
    first = (number - 1) // PAGE_ROWS * PAGE_ROWS + 1
    page = pages.read_page(data.train, first=first, count=PAGE_ROWS, split=data.split, base=base, cancelled=cancelled)
    found = detection or recognise(list(page.rows), data.shape, data.columns)
    return _page(page.rows, found, page.complete, page.first)


def converted(row: Row, detection: Detection) -> PageRow:
    """A row as training on its shape would read it."""
    if row.values is None:
        return PageRow(row, None, row.problem or "cannot be read")
    if detection.shape not in SHAPES or SHAPES[detection.shape].read is None:
        return PageRow(row, None, None)
    try:
        return PageRow(row, to_canonical(row.values, detection.shape, detection.columns), None)
    except RowProblem as problem:
        return PageRow(row, None, str(problem))


def _page(rows: Sequence[Row], detection: Detection, complete: bool, first: int) -> DataPage:
    return DataPage(tuple(converted(row, detection) for row in rows), detection, complete, first)
