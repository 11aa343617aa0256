"""Vertical marks on a chart: those made by hand, and the events of a run, headed by a letter or a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cells = dict[int, tuple[str, int]]
"""Glyphs over the lines of a plot: cell number (row by row) → character and colour number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical mark at `x`, in a colour number. One with a `letter` is of an event: it is headed by the letter, or by
    the `word` where there is room for it above the lines. A `minor` one is its letter alone, at the foot of the chart.
    """

    x: float
    ink: int
    letter: str = ""
    word: str = ""
    minor: bool = False


class MarkLayer:
    """Writes marks into `cells`, only where no line is inked (`masks`) and no glyph stands; `columns` cells a row."""

    def __init__(self, cells: Cells, masks: bytearray, columns: int) -> None:
        self._cells, self._masks, self._columns = cells, masks, columns
        self._text: set[int] = set()
        self._heads: dict[int, int] = {}

    def draw(self, placed: Sequence[tuple[Mark, int]], line: str, event_line: str) -> None:
        """Marks with their columns: first what heads them, then the lines below that."""
        inside = {(mark.letter, column): mark for mark, column in placed if 0 <= column < self._columns}
        for (letter, column), mark in sorted(inside.items(), key=lambda place: place[1].minor):
            if letter:
                self._head(mark, column)
        for (_, column), mark in inside.items():
            if not mark.minor:
                glyph = event_line if mark.letter else line
                below = [cell for cell in self._free(column) if cell > self._heads.get(column, -1)]
                self._cells.update(dict.fromkeys(below, (glyph, mark.ink)))

    def _free(self, column: int) -> list[int]:
        """The cells of a column that nothing is drawn on, from the top."""
        return [cell for cell in range(column, len(self._masks), self._columns) if self._empty(cell)]

    def _empty(self, cell: int) -> bool:
        return not self._masks[cell] and cell not in self._cells

    def _head(self, mark: Mark, column: int) -> None:
        """A letter in the lowest free cell for a minor mark, else the word or the letter in the highest."""
        free = [cell for cell in self._free(column) if cell - 1 not in self._text or not column]
        if not free or (mark.minor and self._beside(free[-1], mark.letter)):
            return
        cell = free[-1] if mark.minor else free[0]
        text = mark.word if mark.word and not mark.minor and self._fits(mark.word, cell, column) else mark.letter
        if not mark.minor:
            self._heads[column] = cell
        for place, character in enumerate(text, start=cell):
            self._cells[place] = character, mark.ink
            self._text.add(place)

    def _fits(self, word: str, cell: int, column: int) -> bool:
        """Whether a word can be written from `cell` on with a space after it, and with no line above it."""
        if len(word) + column >= self._columns or not all(map(self._empty, range(cell, cell + len(word) + 1))):
            return False
        return not any(any(self._masks[start : start + len(word)]) for start in range(column, cell, self._columns))

    def _beside(self, cell: int, letter: str) -> bool:
        return any(self._cells.get(cell + by, ("",))[0] == letter for by in (-2, -1, 1, 2))
