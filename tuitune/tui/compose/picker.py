"""The frame of the pickers: a line to type in, the list it narrows, facts about the row under the cursor.

Where a path can be typed, what lies there is listed in the background, and Tab completes it.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState, get_current_worker

from tuitune.text import redact
from tuitune.tui.widgets.dialogs import Dialog, Result
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.row_list import RowList
from tuitune.views.file_listing import Listing, completion, list_files


class PickerLine(LineInput):
    """Types into the filter while the arrow keys move in the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "ask('move', -1)", show=False),
        Binding("down", "ask('move', 1)", show=False),
        Binding("pageup", "ask('page', -1)", show=False),
        Binding("pagedown", "ask('page', 1)", show=False),
        Binding("tab", "ask('complete')", show=False),
    ]

    class Asked(Message):
        """A key that concerns the list, not the text."""

        def __init__(self, what: str, by: int) -> None:
            super().__init__()
            self.what = what
            self.by = by

    def action_ask(self, what: str, by: int = 0) -> None:
        self.post_message(self.Asked(what, by))


class Picker(Dialog[Result]):
    """Base of the pickers. A picker lists rows in `narrow`, and closes itself in `choose` with what was picked."""

    KEYS: ClassVar[str] = "type to filter · ↑↓ move · Enter use · Esc back"
    DEFAULT_CSS = """
    Picker #window { width: 96%; max-width: 132; height: 94%; }
    Picker PickerLine { margin: 0 0 0 1; }
    Picker #heading { height: auto; padding: 0 0 0 2; }
    Picker #facts { height: auto; min-height: 4; max-height: 9; border-top: solid $rule; padding: 0 0 0 2; }
    """

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__(title, self.KEYS)
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with self._window:
            yield PickerLine(placeholder=self._placeholder)
            yield Static(id="heading")
            rows = RowList(id="list")
            rows.can_focus = False
            yield rows
            yield Static(id="facts")

    def on_mount(self) -> None:
        self.line.focus()
        self.narrow("")

    @property
    def line(self) -> PickerLine:
        return self.query_one(PickerLine)

    @property
    def list(self) -> RowList:
        return self.query_one("#list", RowList)

    @abstractmethod
    def narrow(self, text: str) -> object:
        """List what goes with `text`."""

    @abstractmethod
    def choose(self, key: str) -> None:
        """Use the row `key`."""

    def complete(self, key: str) -> None:
        """Tab was pressed on the row `key`."""

    def settle(self) -> None:
        """Bring the list up to what was typed, where that happens in the background: a row is about to be used."""

    def show_facts(self, facts: Content) -> None:
        self.query_one("#facts", Static).update(facts)

    def show_heading(self, heading: Content) -> None:
        static = self.query_one("#heading", Static)
        static.update(heading)
        static.display = bool(heading)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(redact(str(event.worker.error)), title="Not listed", severity="error")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.narrow(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._use(self.choose)

    @on(PickerLine.Asked)
    def _asked(self, event: PickerLine.Asked) -> None:
        event.stop()
        if event.what == "move":
            self.list.action_move(event.by)
        elif event.what == "page":
            self.list.action_page(event.by)
        else:
            self._use(self.complete)

    def _use(self, use: Callable[[str], object]) -> None:
        self.settle()
        if self.list.current is not None:
            use(self.list.current)

    @on(RowList.DoubleClicked)
    def _double_clicked(self, event: RowList.DoubleClicked) -> None:
        self.choose(event.key)


class PathPicker(Picker[Result]):
    """Base of the pickers in which a path can be typed: they list rows in `show`. Relative paths start at `base`."""

    KEYS = "type a path · Tab complete · ↑↓ move · Enter use · Esc back"
    FILES: ClassVar[bool] = True
    """Whether data files are listed beside folders."""

    def __init__(self, title: str, placeholder: str, base: Path) -> None:
        super().__init__(title, placeholder)
        self.base = base
        self.listing = Listing()
        self._listed: str | None = None

    @abstractmethod
    def show(self, typed: str, listing: Listing) -> None:
        """List what goes with `typed`; `listing` is what lies there."""

    @work(exclusive=True, group="list", exit_on_error=False)
    async def narrow(self, text: str) -> None:
        typed, worker = text.strip(), get_current_worker()
        listing = await asyncio.to_thread(
            list_files, typed, self.base, files=self.FILES, cancelled=lambda: worker.is_cancelled
        )
        if typed == self.line.value.strip():
            self._take(typed, listing)

    @work(exclusive=True, group="facts", exit_on_error=False)
    async def tell(self, key: str, facts: Callable[[], Content]) -> None:
        """Show what `facts` finds out about the row `key`, in the background, if the cursor is still on it then."""
        found = await asyncio.to_thread(facts)
        if key == self.list.current:
            self.show_facts(found)

    def settle(self) -> None:
        typed = self.line.value.strip()
        if typed != self._listed:
            self._take(typed, list_files(typed, self.base, files=self.FILES))

    def _take(self, typed: str, listing: Listing) -> None:
        self._listed, self.listing = typed, listing
        self.show(typed, listing)

    def complete(self, key: str) -> None:
        longer = completion(self.line.value, self.listing.entries) if self.listing.entries else key
        self.type(longer if longer != self.line.value else key)

    def type(self, text: str) -> None:
        """Put `text` in the line, as if it had been typed."""
        self.line.value = text
        self.line.cursor_position = len(text)
