"""A window that asks for one line of text."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog


class Ask(Dialog[str]):
    """Gives what was typed; None for Esc."""

    DEFAULT_CSS = "Ask Input { margin-top: 1; }"

    def __init__(self, title: str, text: str, value: str = "") -> None:
        super().__init__(title, "Enter use · Esc back")
        self._text = text
        self._value = value

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static(Content(clean(self._text, newlines=True)))
            yield Input(self._value, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
