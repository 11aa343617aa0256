"""A window that asks for a prompt to be answered by a run that trains."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.line import LineInput


class PromptDialog(Dialog[str]):
    """Gives the prompt, "" for those of the recipe, None for Esc.

    `last` is offered again, where one line can hold it; `prompts`: how many the recipe has.
    """

    DEFAULT_CSS = "PromptDialog Input { margin-top: 1; }"

    def __init__(self, name: str, last: str, prompts: int) -> None:
        super().__init__(f"Sample {name} now", "Enter sample · Esc back")
        own = "the prompt of its recipe" if prompts == 1 else f"the {prompts} prompts of its recipe"
        self._text = "It answers at the end of its next step.\n"
        self._text += f"Leave empty for {own}." if prompts else "Its recipe has no prompts: write one."
        self._last = last if clean(last) == last else ""
        self._needed = not prompts

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static(Content(clean(self._text, newlines=True)))
            yield LineInput(self._last, select_on_focus=True, placeholder="a prompt")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if (prompt := event.value.strip()) or not self._needed:
            self.dismiss(prompt)
