"""A window that asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual import on
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Confirm, Dialog
from tuitune.tui.widgets.line import LineInput
from tuitune.views.typed_path import is_there, typed_path


class AskLine(Dialog[str]):
    """Gives what was typed; None for Esc."""

    DEFAULT_CSS = "AskLine Input { margin-top: 1; }"

    def __init__(self, title: str, text: str, value: str = "") -> None:
        super().__init__(title, "Enter use · Esc back")
        self._text = text
        self._value = value

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static(Content(clean(self._text, newlines=True)))
            yield LineInput(self._value, select_on_focus=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


def ask_where(
    app: App[Any], title: str, question: str, suggested: str, base: Path, write: Callable[[Path], object]
) -> None:
    """Ask for a file and `write` there, once it is confirmed that a file that exists is overwritten.

    Relative paths start at `base`.
    """

    def named(name: str | None) -> None:
        if name is None:
            return
        path = typed_path(name, base)
        if is_there(path):

            def confirmed(yes: bool | None) -> None:
                if yes:
                    write(path)

            app.push_screen(Confirm(title, f"{path}\nexists. Overwrite it?"), confirmed)
        else:
            write(path)

    app.push_screen(AskLine(title, question, suggested), named)
