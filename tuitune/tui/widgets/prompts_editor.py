"""The editor of the sample prompts: one a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import TextArea

from tuitune.tui.widgets.dialogs import Confirm, Dialog
from tuitune.units import counted

_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r\x85"}


class PromptsEditor(Dialog[list[str]]):
    """Gives the prompts, without empty lines; None where editing was abandoned. What was typed is not lost unasked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "keep", show=False, priority=True),
        Binding("escape", "leave", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PromptsEditor #window { width: 90%; max-width: 110; height: 16; }
    PromptsEditor TextArea { border: none; height: 1fr; padding: 0; }
    """

    def __init__(self, prompts: Sequence[str], typed: Callable[[list[str]], object] = lambda prompts: None) -> None:
        """`typed` is called with what stands in the editor, at each change."""
        super().__init__("Prompts, one per line", "")
        self._prompts = list(prompts)
        self._tell = typed

    def compose(self) -> ComposeResult:
        with self._window:
            yield TextArea("\n".join(self._prompts), compact=True, tab_behavior="focus")

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.move_cursor(area.document.end)
        area.focus()
        self._count()

    @on(TextArea.Changed)
    def _count(self) -> None:
        if self._typed != self._prompts:
            self._tell(self._typed)
        self._window.border_subtitle = Content(f"{counted(len(self._typed), 'prompt')} · F2 keep · Esc discard")

    def action_keep(self) -> None:
        self.dismiss(self._typed)

    def action_leave(self) -> None:
        if self._typed == self._prompts:
            self.dismiss(None)
        else:
            self.app.push_screen(Confirm("Prompts", "Discard your text?"), self._abandon)

    def _abandon(self, yes: bool | None) -> None:
        if yes:
            self.dismiss(None)

    @property
    def _typed(self) -> list[str]:
        """The prompts as they stand; control characters that came with a paste are no part of a prompt."""
        lines = self.query_one(TextArea).text.translate(_CONTROLS).splitlines()
        return [line.strip() for line in lines if line.strip()]


def in_line(prompts: Sequence[str]) -> str:
    """`2 prompts: Hi · Bye`."""
    return f"{counted(len(prompts), 'prompt')}: {' · '.join(prompts)}"
