"""A window that asks for one line of text."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.line import Line


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
            yield Line(self._value, select_on_focus=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
