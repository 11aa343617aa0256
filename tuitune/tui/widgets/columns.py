"""Cells side by side: a line of a table in as many columns as the width allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from tuitune.text import clean
from tuitune.tui.widgets.row_list import ListRow


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
    for place in sorted(kept, key=lambda place: (-columns[place].rank, -place)):
        if columns[place].rank == 0 or sum(columns[one].width + _GAP for one in kept) + _LEAST <= width:
            break
        kept.remove(place)
    return kept


def line(columns: Sequence[Column], cells: Sequence[str | Content], width: int, style: str = "") -> Content:
    """One line of the table, exactly `width` cells wide; cells that are strings are taken for foreign text."""
    kept = fitting(columns, width)
    fixed = sum(columns[place].width for place in kept) + _GAP * (len(kept) - 1)
    parts: list[Content] = []
    for place in kept:
        column, cell = columns[place], cells[place]
        room = column.width or max(1, width - fixed)
        if isinstance(cell, str):
            cell = Content(keep_end(clean(cell), room) if column.path else clean(cell))
        content = cell.truncate(room, ellipsis=True)
        space = Content(" " * (room - content.cell_length))
        parts.append(space + content if column.right else content + space)
    return Content(" " * _GAP).join(parts).stylize(style)


def table_row(key: str, columns: Sequence[Column], cells: Sequence[str | Content], style: str = "") -> ListRow:
    """A line of the table as a row of a list."""
    return ListRow(key, lambda width: [line(columns, cells, width, style)])


def titles(columns: Sequence[Column], width: int) -> Content:
    """The heading of the table."""
    return line(columns, [column.title for column in columns], width, "$faint")


def keep_end(text: str, room: int) -> str:
    """`text` in at most `room` cells, cut at its beginning: the end of a path is what tells it from others."""
    if cell_len(text) <= room:
        return text
    end = text[-room:]
    while end and cell_len(end) > room - 1:
        end = end[1:]
    return f"…{end}"
