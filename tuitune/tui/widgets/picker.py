"""The frame of the pickers: a line to type in, the list it narrows, facts about the row under the cursor."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tuitune.tui.widgets.dialogs import Dialog, Result
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.row_list import RowList


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

    DEFAULT_CSS = """
    Picker #window { width: 96%; max-width: 132; height: 94%; }
    Picker PickerLine { margin: 0 0 0 1; }
    Picker #heading { height: auto; padding: 0 0 0 2; }
    Picker #facts { height: auto; min-height: 4; max-height: 9; border-top: solid $rule; padding: 0 0 0 2; }
    """

    def __init__(
        self, title: str, placeholder: str, keys: str = "type to filter · ↑↓ move · Enter use · Esc back"
    ) -> None:
        super().__init__(title, keys)
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

    @property
    def line(self) -> PickerLine:
        return self.query_one(PickerLine)

    @property
    def list(self) -> RowList:
        return self.query_one("#list", RowList)

    def narrow(self, text: str) -> None:
        """List what goes with `text`."""
        raise NotImplementedError

    def choose(self, key: str) -> None:
        """Use the row `key`."""
        raise NotImplementedError

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

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.narrow(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.settle()
        if self.list.current is not None:
            self.choose(self.list.current)

    @on(PickerLine.Asked)
    def _asked(self, event: PickerLine.Asked) -> None:
        event.stop()
        if event.what == "move":
            self.list.action_move(event.by)
        elif event.what == "page":
            self.list.action_page(event.by)
        else:
            self.settle()
            if self.list.current is not None:
                self.complete(self.list.current)

    @on(RowList.DoubleClicked)
    def _double_clicked(self, event: RowList.DoubleClicked) -> None:
        self.choose(event.key)
