"""One frame of a chart: lines over a window, as rows of text with a colour number for every cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Frame:
    """What to draw and where: `lines` back to front, over `window`, from `low` to `high` (powers of ten with `log`)."""

    lines: Sequence[Series]
    window: ChartWindow
    low: float
    high: float
    log: bool
    width: int
    height: int
    gutter: int
    marks: Sequence[Mark] = ()
    glyphs: Glyphs = UNICODE_GLYPHS
    envelopes: Envelopes = field(default_factory=Envelopes)

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
        plot = _Plot(self)
        left = {
            self.dot_row(position) // 4: label
            for position, label in value_ticks(self.low, self.high, self.rows, log=self.log)
        }
        rows = []
        for number in range(self.rows):
            label = left.get(number)
            text = f"{label or '':>{self.gutter}}{self.glyphs.tick if label else self.glyphs.axis}"
            rows.append(self._fitted(text + plot.text[number], bytes([AXIS]) * len(text) + bytes(plot.inks[number])))
        ticks = x_ticks(self.window.low, self.window.high, self.columns, self.window.axis)
        labels = [(self.column(position) // 2, text) for position, text in ticks]
        rows.append(self._fitted(" " * (self.gutter + 1) + place(labels, self.columns), b""))
        return rows[: self.height]

    def _fitted(self, text: str, inks: bytes) -> FrameRow:
        return FrameRow(text.ljust(self.width)[: self.width], inks.ljust(self.width, bytes([AXIS]))[: self.width])

    def column(self, x: float) -> int:
        return self.window.column(x, self.columns * 2)

    def dot_row(self, position: float) -> int:
        """The dot row of a y `position` (a power of ten with `log`); 0 is the top."""
        return dot_row(position, self.low, self.high, self.rows)


class _Plot:
    """The inside of a frame: text and colour numbers, row by row. A cell belongs to the last line drawn on it."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        size = frame.columns * frame.rows
        self._masks, self._inks = bytearray(size), bytearray(size)
        self._glyphs: Cells = {}
        self._ends: list[tuple[float, str, int]] = []
        for line in frame.lines:
            self._draw(line)
        placed = [(mark, frame.column(mark.x) // 2) for mark in frame.marks]
        MarkLayer(self._glyphs, self._masks, frame.columns).draw(placed, frame.glyphs.mark, frame.glyphs.event)
        text = list(map(frame.glyphs.cells.__getitem__, self._masks))
        for cell, (glyph, ink) in self._glyphs.items():
            text[cell], self._inks[cell] = glyph, ink
        tail = frame.margin
        starts = range(0, size, frame.columns)
        self.text = ["".join(text[start : start + frame.columns]) + " " * tail for start in starts]
        self.inks = [self._inks[start : start + frame.columns] + bytearray(tail) for start in starts]
        for row, (_, label, ink) in self._end_rows():
            self._put(row, frame.columns + 1, label, ink)

    def _put(self, row: int, column: int, label: str, ink: int) -> None:
        end = column + len(label)
        self.text[row] = self.text[row][:column] + label + self.text[row][end:]
        self.inks[row][column:end] = bytes([ink]) * len(label)

    def _draw(self, line: Series) -> None:
        frame = self.frame
        canvas = Canvas(frame.columns, frame.rows)
        spans = frame.envelopes.of(line, frame.window, canvas.dots_wide, positive=frame.log)
        if frame.log:
            spans = logarithmic(spans)
        trace(canvas, spans, frame.low, frame.high)
        ink = (GHOST if line.ghost else SERIES) + line.ink
        masks = canvas.masks()
        for found in _INKED.finditer(masks):
            start, stop = found.span()
            self._masks[start:stop] = found[0]
            self._inks[start:stop] = bytes([ink]) * (stop - start)
        if line.points:
            self._points(line, spans, ink)
        ends = [span[4] for span in spans if not isnan(span[4]) and span[0] < frame.columns * 2]
        if ends and line.letter in frame.names:
            self._ends.append((ends[-1], frame.names[line.letter], ink))

    def _points(self, line: Series, spans: list[Span], ink: int) -> None:
        """A marker on every point that stands apart from the marker before it, and always on the best one."""
        frame = self.frame
        inside = [span for span in spans if 0 <= span[0] < frame.columns * 2 and not isnan(span[4])]
        marked = -APART
        for column, _, _, _, last in inside:
            if column - marked >= APART:
                self._glyph(column, last, frame.glyphs.point, ink)
                marked = column
        if line.best is not None:
            column = frame.column(line.positions.by(frame.window.axis)[line.best])
            value = line.values.values[line.best]
            if 0 <= column < frame.columns * 2 and (value > 0 or not frame.log):
                low = min(inside, key=lambda span: abs(span[0] - column), default=None)
                if low is not None:
                    self._glyph(column, low[1], frame.glyphs.best, ink)

    def _glyph(self, column: int, position: float, glyph: str, ink: int) -> None:
        row = min(max(self.frame.dot_row(position) // 4, 0), self.frame.rows - 1)
        self._glyphs[row * self.frame.columns + column // 2] = glyph, ink

    def _end_rows(self) -> Iterator[tuple[int, tuple[float, str, int]]]:
        """The names beside the ends of their lines, from the top; one a row."""
        ends = sorted(self._ends, key=lambda end: -end[0])[: self.frame.rows]
        row = -1
        for number, end in enumerate(ends):
            lowest = self.frame.rows - len(ends) + number
            row = min(max(self.frame.dot_row(end[0]) // 4, row + 1), lowest)
            yield row, end
