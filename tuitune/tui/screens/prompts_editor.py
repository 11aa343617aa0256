"""The editor of the sample prompts: one a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from tuitune.tui.widgets.dialogs import Dialog


class PromptsEditor(Dialog[list[str]]):
    """Gives the prompts, without empty lines; None where editing was abandoned."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "keep", show=False, priority=True),
        Binding("escape", "leave", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PromptsEditor #window { width: 90%; max-width: 110; height: 16; }
    PromptsEditor TextArea { border: none; height: 1fr; padding: 0; }
    """

    def __init__(self, prompts: Sequence[str]) -> None:
        super().__init__("Prompts, one a line", "F2 keep · Esc abandon")
        self._prompts = list(prompts)

    def compose(self) -> ComposeResult:
        with self._window:
            yield TextArea("\n".join(self._prompts), compact=True, tab_behavior="focus")

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.move_cursor(area.document.end)
        area.focus()

    def action_keep(self) -> None:
        lines = self.query_one(TextArea).text.splitlines()
        self.dismiss([line.strip() for line in lines if line.strip()])
