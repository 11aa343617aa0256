"""The run's events and its log: the newest events on top, below them a window on the log file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from tuitune.runs.journal import Record
from tuitune.text import clean
from tuitune.tui.widgets.log_window import LogWindow
from tuitune.tui.widgets.rows import Rows
from tuitune.units import bytes_text, clock_text

EVENT_ROWS = 3


class LogView(Rows, can_focus=True):
    """Follows the log's end until scrolled; End follows again."""

    DEFAULT_CSS = "LogView { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_log(-1)", show=False),
        Binding("down,j", "scroll_log(1)", show=False),
        Binding("pageup", "page_log(-1)", show=False),
        Binding("pagedown,space", "page_log(1)", show=False),
        Binding("home,g", "log_start", show=False),
        Binding("end,G", "log_end", show=False),
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
        events = (
            [Content.styled(event, "$faint") for event in self.events[-EVENT_ROWS:]] if height >= 2 * EVENT_ROWS else []
        )
        room = height - len(events)
        lines = [row for line in self.log_window.lines(room) for row in _folded(line, width)]
        shown = lines[-room:] if self.following else lines[:room]
        if not shown:
            shown = [Content.styled("the log is empty", "$faint")]
        self.show_lines([*events, *shown, *[Content("")] * (room - len(shown))])

    def on_resize(self) -> None:
        self.redraw()

    def action_scroll_log(self, lines: int) -> None:
        self.log_window.scroll(lines, self._room)
        self.redraw()

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
        height = self.size.height
        return height - (min(len(self.events), EVENT_ROWS) if height >= 2 * EVENT_ROWS else 0)


def _folded(line: str, width: int) -> list[Content]:
    return Content(line).fold(width) if line else [Content("")]


_WORDS = {
    "queued": "queued",
    "supervisor": "supervisor started",
    "engine": "engine started",
    "stop-requested": "stop asked for",
}


def event_texts(events: Sequence[Record], checkpoints: Sequence[Record], alerts: Sequence[Record]) -> list[str]:
    """What happened to a run, in words, oldest first: its events, checkpoints and alerts with their times."""
    told = [(record, _event_words(record)) for record in events[-20:]]
    told += [(record, f"checkpoint at step {record.get('step')}, {_size(record)}") for record in checkpoints[-20:]]
    told += [(record, f"step {record.get('step')}: {record.get('message')}") for record in alerts[-20:]]
    lines = [(_time(record), words) for record, words in told if words]
    return [
        clean(f"{clock_text(moment)}  {words}", limit=300) for moment, words in sorted(lines, key=lambda line: line[0])
    ]


def _event_words(record: Record) -> str:
    event = str(record.get("event"))
    if event == "acknowledged":
        return f"{record.get('verb')}: {record.get('message')}" if record.get("message") else ""
    if event == "exited":
        return (
            f"engine ended, exit code {record.get('code')}"
            if record.get("code") is not None
            else f"engine killed by signal {record.get('signal')}"
        )
    if event == "ended":
        state, reason = str(record.get("state")), str(record.get("reason") or "")
        return reason if reason.startswith(state) else f"{state}: {reason}" if reason else state
    return _WORDS.get(event, event)


def _size(record: Record) -> str:
    size = record.get("bytes")
    return bytes_text(size) if isinstance(size, int | float) else "size unknown"


def _time(record: Record) -> float:
    moment = record.get("time")
    return float(moment) if isinstance(moment, int | float) else 0.0
