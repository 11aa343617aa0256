"""The run's events and its log: the newest events on top, below them a window on the log file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp

from tuitune.tui.monitor.log_window import LogWindow
from tuitune.tui.widgets.rows import Rows

EVENT_ROWS = 3
"""Rows that events get at least, where the log keeps as many; on a higher pane a third of it."""

_WHEEL_LINES = 3


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

    def __init__(self, log: LogWindow, *, id: str | None = None) -> None:
        super().__init__(id=id)
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
        lines = [row for line in self.log_window.lines(room) for row in _folded(line, width)]
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
        self.log_window.first()
        self.redraw()

    def action_log_end(self) -> None:
        self.log_window.follow()
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


def _folded(line: str, width: int) -> list[Content]:
    return Content(line).fold(width) if line else [Content("")]
