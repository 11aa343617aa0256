"""A row through the engine's inspector: read from the data, tokenized, with its verdicts or the reason for none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tuitune.data.sources.pages import Page, read_page
from tuitune.data.sources.rows import Row
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.views.inspector_client import Inspector
from tuitune.views.inspector_replies import Opening, TokenizedRow

PAGE_ROWS = 200


@dataclass(frozen=True)
class Asked:
    """A row to be looked at as `recipe` would train on it."""

    recipe: Recipe
    number: int


@dataclass(frozen=True)
class Looked:
    """What was found of the row `number`, the nearest there is to the one asked for; None of what could not be had.

    `problem` says why there are no tokens, `beyond` that the row asked for lies after the last.
    """

    number: int
    row: Row | None = None
    opening: Opening | None = None
    tokenized: TokenizedRow | None = None
    problem: str = ""
    beyond: bool = False


class MaskRows:
    """Looks at rows of the data set `name`, one at a time. A page of them is kept, so that the next one costs nothing.

    Relative paths start at `base`. `cancelled` is asked while something is read or waited for, and `told` hears what
    the inspector is at.
    """

    def __init__(
        self, name: str, base: Path, inspector: Inspector, cancelled: Callable[[], bool], told: Callable[[str], object]
    ) -> None:
        self._name = name
        self._base = base
        self._inspector = inspector
        self._cancelled = cancelled
        self._told = told
        self._page: Page | None = None
        self._split = ""

    def look(self, asked: Asked) -> Looked:
        """Never raises for what is wrong with the data, the row, the template or the inspector."""
        found = Looked(asked.number)
        try:
            there = self._find(asked)
            row = there.row
            if row is None or row.values is None:
                reason = row.problem if row else "no rows"
                return replace(there, problem=reason or "the row cannot be read")
            with self._inspector.asked(cancelled=self._cancelled, told=self._told) as inspector:
                found = replace(there, opening=inspector.open(asked.recipe, self._base))
                return replace(found, tokenized=inspector.row(row.values, there.number))
        except TuituneError as error:
            return replace(found, problem=str(error))

    def _find(self, asked: Asked) -> Looked:
        page = self._read((asked.number - 1) // PAGE_ROWS * PAGE_ROWS + 1, asked.recipe.data.split)
        row = next((row for row in page.rows if row.number == asked.number), None)
        if row is not None:
            return Looked(asked.number, row)
        while not page.rows and page.first > 1:
            page = self._read(max(page.first - PAGE_ROWS, 1), asked.recipe.data.split)
        last = page.rows[-1] if page.rows else None
        return Looked(last.number if last else 0, last, beyond=True)

    def _read(self, first: int, split: str) -> Page:
        if self._page is None or self._page.first != first or self._split != split:
            self._page = None
            self._page = read_page(
                self._name, first=first, count=PAGE_ROWS, split=split, base=self._base, cancelled=self._cancelled
            )
            self._split = split
        return self._page
