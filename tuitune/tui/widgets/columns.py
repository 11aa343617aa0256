"""Cells side by side: a line of a table in as many columns as the width allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from tuitune.text import clean
from tuitune.tui.widgets.cut import keep_end


@dataclass(frozen=True)
class Column:
    """A column `width` cells wide; 0 takes what is left. The highest `rank` goes first where it is narrow.

    What is too long is cut at its end, or at its beginning where the column holds a `path`.
    """

    title: str
    width: int
    right: bool = False
    rank: int = 0
    path: bool = False


_GAP = 2
_LEAST = 24
"""Cells that the column without a width gets before others are left out."""


def fitting(columns: Sequence[Column], width: int) -> list[int]:
    """Which of `columns` there is room for, by place."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and sum(columns[place].width + _GAP for place in kept) + _LEAST > width:
        least = max(kept, key=lambda place: (columns[place].rank, place))
        if columns[least].rank == 0:
            break
        kept.remove(least)
    return kept


def line(columns: Sequence[Column], cells: Sequence[str | Content], width: int, style: str = "") -> Content:
    """One line of the table, exactly `width` cells wide; cells that are strings are taken for foreign text."""
    kept = fitting(columns, width)
    fixed = sum(columns[place].width for place in kept) + _GAP * (len(kept) - 1)
    parts: list[Content] = []
    for place in kept:
        column, cell = columns[place], cells[place]
        room = column.width or max(1, width - fixed)
        content = cell if isinstance(cell, Content) else _text(column, clean(cell), room)
        content = content.truncate(room, ellipsis=True)
        space = Content(" " * (room - content.cell_length))
        parts.append(space + content if column.right else content + space)
    joined = Content(" " * _GAP).join(parts)
    return joined.stylize(style) if style else joined


def _text(column: Column, text: str, room: int) -> Content:
    return Content(keep_end(text, room) if column.path else text)


def titles(columns: Sequence[Column], width: int) -> Content:
    """The heading of the table."""
    return line(columns, [column.title for column in columns], width, "$faint")
