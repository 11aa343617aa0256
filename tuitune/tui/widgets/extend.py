"""A window that asks how far a finished run is to go on."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import parse_value, setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.line import LineInput
from tuitune.views.draft import value_of


class Extend(Dialog[dict[str, Any]]):
    """Gives the setting that decides how long the run is, with its new value; None for Esc.

    That is the number of steps where the recipe limits them, else the number of epochs.
    """

    DEFAULT_CSS = """
    Extend Input { margin-top: 1; }
    Extend #wrong { color: $bad; height: auto; }
    """

    def __init__(self, name: str, recipe: Recipe) -> None:
        super().__init__("Train further", "Enter resume · Esc back")
        self._name = name
        self._setting = setting("training.epochs" if recipe.training.max_steps is None else "training.max_steps")
        self._had = value_of(recipe, self._setting.key)

    def compose(self) -> ComposeResult:
        had, title = show_value(self._setting, self._had), self._setting.title
        text = f"{self._name} has finished. It resumes from its last checkpoint; its adapter is written again.\n"
        with self._window:
            yield Static(Content(clean(f"{text}\n{title.capitalize()} in total ({had} done):", newlines=True)))
            yield LineInput(show_value(self._setting, self._had * 2), select_on_focus=True)
            yield Static(id="wrong")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        try:
            value = parse_value(self._setting, event.value)
        except ValueError as error:
            self._refuse(str(error))
            return
        if value is None or value <= self._had:
            self._refuse(f"{show_value(self._setting, self._had)} already done: enter more.")
        else:
            self.dismiss({self._setting.key: value})

    def _refuse(self, reason: str) -> None:
        self.query_one("#wrong", Static).update(Content(clean(reason)))
