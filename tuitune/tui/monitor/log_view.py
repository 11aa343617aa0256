"""The run's events and its log: the newest events on top, below them a window on the log file, of any size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp

from tuitune.runs.read.log import shown
from tuitune.runs.store import files
from tuitune.text import redactor
from tuitune.tui.widgets.rows import Rows

EVENT_ROWS = 3
"""Rows that events get at least, where the log keeps as many; on a higher pane a third of it."""

_WHEEL_LINES = 3
_BLOCK = 1 << 16
_LINE_LIMIT = 4_000


class LogWindow:
    """Lines of `path` from a byte offset, or its newest ones while it follows (`offset` is None).

    Only the block around what is shown is ever read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset: int | None = None

    def lines(self, count: int) -> list[str]:
        """At most `count` lines, safe to show; empty where there is no log or it is not a plain file."""
        if count < 1:
            return []
        start = max(self._size() - _BLOCK, 0) if self.offset is None else self.offset
        lines = self._read(start).split(b"\n")
        if not lines[-1]:
            lines.pop()
        cut = lines[:count] if self.offset is not None else lines[1 if start else 0 :][-count:]
        hide = redactor()
        return [shown(line, hide, _LINE_LIMIT) for line in cut]

    def scroll(self, lines: int, shown: int) -> None:
        """Move by `lines` (negative: back) while `shown` lines fit; at the end of the file it follows again."""
        if lines < 0:
            start, passed = (self._size(), shown) if self.offset is None else (self.offset, 0)
            self.offset = self._back(start, passed - lines)
        elif self.offset is not None:
            offset = self.offset + sum(map(len, self._read(self.offset).splitlines(keepends=True)[:lines]))
            more = self._read(offset).count(b"\n") > shown or self._size() - offset > _BLOCK
            self.offset = offset if more else None

    def _back(self, offset: int, lines: int) -> int:
        """The offset of the line that begins `lines` lines before `offset`, at most a block away."""
        start = max(0, offset - _BLOCK)
        block = self._read(start, offset - start)
        position = len(block)
        for _ in range(lines + 1):
            position = block.rfind(b"\n", 0, position)
            if position < 0:
                return start
        return start + position + 1

    def _size(self) -> int:
        try:
            return self.path.lstat().st_size
        except OSError:
            return 0

    def _read(self, offset: int, size: int = _BLOCK) -> bytes:
        try:
            with open(files.open_regular(self.path, os.O_RDONLY), "rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError:
            return b""


class LogView(Rows, can_focus=True):
    """Follows the log's end until scrolled; End follows again."""

    DEFAULT_CSS = "LogView { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_log(-1)", show=False),
        Binding("down,j", "scroll_log(1)", show=False),
        Binding("pageup", "page_log(-1)", show=False),
        Binding("pagedown,space", "page_log(1)", show=False),
        Binding("home,g", "log_start", show=False),
        Binding("end", "log_end", show=False),
    ]

    def __init__(self, log: LogWindow) -> None:
        super().__init__()
        self.log_window = log
        self.events: Sequence[str] = ()

    @property
    def following(self) -> bool:
        return self.log_window.offset is None

    def redraw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        room = self._room
        lines = [row for line in self.log_window.lines(room) for row in Content(line).wrap(width)]
        lines = lines or [Content.styled("the log is empty", "$faint")]
        shown = lines[-room:] if self.following else lines[:room]
        left = height - len(shown)
        told = [row for event in self.events[-left:] for row in _told(event, width)]
        events = told[-left:] if left else []
        self.show_lines([*events, *shown, *[Content("")] * (left - len(events))])

    def on_resize(self) -> None:
        self.redraw()

    def action_scroll_log(self, lines: int) -> None:
        self.log_window.scroll(lines, self._room)
        self.redraw()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_log(-_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.action_scroll_log(_WHEEL_LINES)

    def action_page_log(self, pages: int) -> None:
        self.action_scroll_log(pages * max(self._room - 1, 1))

    def action_log_start(self) -> None:
        self.log_window.offset = 0
        self.redraw()

    def action_log_end(self) -> None:
        self.log_window.offset = None
        self.redraw()

    @property
    def _room(self) -> int:
        """Rows that the log itself may take; what it leaves free, events get too."""
        height = self.size.height
        return height - (min(len(self.events), max(EVENT_ROWS, height // 3)) if height >= 2 * EVENT_ROWS else 0)


def _told(event: str, width: int) -> list[Content]:
    """An event in as many rows as it takes: an alert says at its end what to do. They hang behind its time of day."""
    moment, gap, words = event.partition("  ")
    indent = len(moment + gap) if gap else 0
    first, *more = Content.styled(words or moment, "$faint").wrap(max(width - indent, 1))
    return [Content.styled(moment + gap if gap else "", "$faint") + first, *(row.pad_left(indent) for row in more)]
