"""One frame of a chart: lines over a window, as rows of text with a colour number for every cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan

from tuitune.tui.charts.axis import dot_row, place, value_ticks, x_ticks
from tuitune.tui.charts.canvas import ASCII, BRAILLE, Canvas
from tuitune.tui.charts.envelope import ChartWindow, Envelopes, Span, logarithmic, trace
from tuitune.tui.charts.marks import Cells, Mark, MarkLayer
from tuitune.tui.charts.series import Series

BLANK, AXIS, MARK, EVENT, ALARM = range(5)
"""Colour numbers that are not a line's: empty cells, axes and their labels, marks by hand, of events, of alarms."""
SERIES = 10
"""`SERIES` + n is the colour of a line with ink n; `GHOST` + n the same, faint."""
GHOST = 30

NAMED_FROM = 48
"""Characters that a plot is wide at least whose lines bear their names; on a narrower one they bear letters."""

APART = 6
"""Dot columns between the markers of points at least, so that the lines behind them are seen."""

_INKED = re.compile(rb"[^\0]+")
_SAME = re.compile(rb"(.)\1*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a chart."""

    cells: str
    axis: str
    tick: str
    mark: str
    event: str
    point: str
    best: str


UNICODE_GLYPHS = Glyphs(BRAILLE, "│", "┤", "┊", "╎", "◆", "★")
ASCII_GLYPHS = Glyphs(ASCII, "|", "+", ":", ";", "o", "*")


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A row of cells: their characters and, byte by byte, their colour numbers."""

    text: str
    inks: bytes

    def runs(self) -> list[tuple[str, int]]:
        """The row cut where the colour changes: (text, colour number)."""
        return [(self.text[found.start() : found.end()], found[0][0]) for found in _SAME.finditer(self.inks)]

    def changed(self, before: FrameRow) -> tuple[int, int] | None:
        """The columns [start, stop) that differ from another row as long; None if none does."""
        if self == before:
            return None
        cells, others = list(zip(self.text, self.inks, strict=True)), zip(before.text, before.inks, strict=True)
        different = [column for column, pair in enumerate(zip(cells, others, strict=True)) if pair[0] != pair[1]]
        return different[0], different[-1] + 1


@dataclass
class Frame:
    """What to draw and where: `lines` back to front, over `window`, from `low` to `high` (powers of ten with `log`).

    A cell belongs to the last line drawn on it.
    """

    lines: Sequence[Series]
    window: ChartWindow
    low: float
    high: float
    log: bool
    width: int
    height: int
    gutter: int
    marks: Sequence[Mark]
    glyphs: Glyphs
    envelopes: Envelopes

    def __post_init__(self) -> None:
        size = self.columns * self.rows
        self._masks, self._inks = bytearray(size), bytearray(size)
        self._over: Cells = {}
        self._ends: list[tuple[float, str, int]] = []

    @cached_property
    def columns(self) -> int:
        """Characters across the plot itself, between the y axis and what names the lines at the right."""
        return max(2, self.width - self.gutter - 1 - self.margin)

    @cached_property
    def rows(self) -> int:
        """Characters down the plot itself, above the x labels."""
        return max(1, self.height - 1)

    @cached_property
    def names(self) -> dict[str, str]:
        """Letter of a line → what stands at its end: its name too where there is room, nothing beside the only one."""
        names = {line.letter: f"{line.letter} {line.name}".rstrip() for line in self.lines if line.letter}
        if len(names) < 2:
            return {}
        room = self.width - self.gutter - 2 - max(map(len, names.values()))
        return names if room >= NAMED_FROM else {letter: letter for letter in names}

    @cached_property
    def margin(self) -> int:
        """Characters at the right of the plot, a space and what stands at the ends of the lines."""
        return 1 + max(map(len, self.names.values())) if self.names else 0

    def render(self) -> list[FrameRow]:
        """Exactly `height` rows of exactly `width` cells."""
        for line in self.lines:
            self._draw(line)
        placed = [(mark, self.column(mark.x) // 2) for mark in self.marks]
        MarkLayer(self._over, self._masks, self.columns).draw(placed, self.glyphs.mark, self.glyphs.event)
        text = list(map(self.glyphs.cells.__getitem__, self._masks))
        for cell, (glyph, ink) in self._over.items():
            text[cell], self._inks[cell] = glyph, ink
        y_ticks = value_ticks(self.low, self.high, self.rows, log=self.log)
        labels, ends = {self.dot_row(position) // 4: label for position, label in y_ticks}, dict(self._end_rows())
        rows = []
        for row in range(self.rows):
            axis = f"{labels.get(row, ''):>{self.gutter}}{self.glyphs.tick if row in labels else self.glyphs.axis}"
            cells = slice(row * self.columns, (row + 1) * self.columns)
            name, ink = ends.get(row, ("", BLANK))
            tail = bytes([BLANK] + [ink] * len(name)).ljust(self.margin, bytes([BLANK]))[: self.margin]
            inks = bytes([AXIS]) * len(axis) + self._inks[cells] + tail
            rows.append(self._fitted(axis + "".join(text[cells]) + f" {name}"[: self.margin], inks))
        ticks = x_ticks(self.window.low, self.window.high, self.columns, self.window.axis)
        places = [(self.column(position) // 2, label) for position, label in ticks]
        rows.append(self._fitted(" " * (self.gutter + 1) + place(places, self.columns), b""))
        return rows[: self.height]

    def _fitted(self, text: str, inks: bytes) -> FrameRow:
        return FrameRow(text.ljust(self.width)[: self.width], inks.ljust(self.width, bytes([AXIS]))[: self.width])

    def column(self, x: float) -> int:
        return self.window.column(x, self.columns * 2)

    def dot_row(self, position: float) -> int:
        """The dot row of a y `position` (a power of ten with `log`); 0 is the top."""
        return dot_row(position, self.low, self.high, self.rows)

    def _draw(self, line: Series) -> None:
        canvas = Canvas(self.columns, self.rows)
        spans = self.envelopes.of(line, self.window, canvas.dots_wide, positive=self.log)
        if self.log:
            spans = logarithmic(spans)
        trace(canvas, spans, self.low, self.high)
        ink = (GHOST if line.ghost else SERIES) + line.ink
        masks = canvas.masks()
        for found in _INKED.finditer(masks):
            start, stop = found.span()
            self._masks[start:stop] = found[0]
            self._inks[start:stop] = bytes([ink]) * (stop - start)
        if line.points:
            self._points(line, spans, ink)
        ends = [span[4] for span in spans if not isnan(span[4]) and span[0] < self.columns * 2]
        if ends and line.letter in self.names:
            self._ends.append((ends[-1], self.names[line.letter], ink))

    def _points(self, line: Series, spans: list[Span], ink: int) -> None:
        """A marker on every point that stands apart from the marker before it, and always on the best one."""
        inside = [span for span in spans if 0 <= span[0] < self.columns * 2 and not isnan(span[4])]
        marked = -APART
        for column, _, _, _, last in inside:
            if column - marked >= APART:
                self._glyph(column, last, self.glyphs.point, ink)
                marked = column
        if line.best is not None:
            column = self.column(line.positions.by(self.window.axis)[line.best])
            value = line.values.values[line.best]
            if 0 <= column < self.columns * 2 and (value > 0 or not self.log):
                low = min(inside, key=lambda span: abs(span[0] - column), default=None)
                if low is not None:
                    self._glyph(column, low[1], self.glyphs.best, ink)

    def _glyph(self, column: int, position: float, glyph: str, ink: int) -> None:
        row = min(max(self.dot_row(position) // 4, 0), self.rows - 1)
        self._over[row * self.columns + column // 2] = glyph, ink

    def _end_rows(self) -> Iterator[tuple[int, tuple[str, int]]]:
        """The names beside the ends of their lines, from the top; one a row."""
        ends = sorted(self._ends, key=lambda end: -end[0])[: self.rows]
        row = -1
        for number, (position, name, ink) in enumerate(ends):
            lowest = self.rows - len(ends) + number
            row = min(max(self.dot_row(position) // 4, row + 1), lowest)
            yield row, (name, ink)
