"""Windows that ask for one line of text: any, where to write a file, how far a finished run is to go on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual import on
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import parse_value, setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Confirm, Dialog, Result
from tuitune.tui.widgets.line import LineInput
from tuitune.views.draft import value_of
from tuitune.views.typed_path import is_there, typed_path


class LineDialog(Dialog[Result]):
    """Gives what `read` makes of a line of text. `refusals`: whether there is room to say why it takes none of it."""

    refusals = False
    DEFAULT_CSS = """
    LineDialog Input { margin-top: 1; }
    LineDialog #wrong { color: $bad; height: auto; }
    """

    def __init__(self, title: str, keys: str, text: str, value: str, **line: Any) -> None:
        """`line`: options as `Input` takes them."""
        super().__init__(title, keys)
        self._text = text
        self._line = LineInput(value, **line)

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static(Content(clean(self._text, newlines=True)))
            yield self._line
            if self.refusals:
                yield Static(id="wrong")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(self.read(event.value))
        except ValueError as refusal:
            for wrong in self.query("#wrong").results(Static):
                wrong.update(Content(clean(str(refusal))))

    @abstractmethod
    def read(self, text: str) -> Result | None:
        """What to give for `text`. Raises ValueError for one that will not do: the window stays open."""


class AskLine(LineDialog[str]):
    """Gives what was typed; None for Esc."""

    def __init__(self, title: str, text: str, value: str = "") -> None:
        super().__init__(title, "Enter use · Esc back", text, value, select_on_focus=False)

    def read(self, text: str) -> str | None:
        return text.strip() or None


class Extend(LineDialog[dict[str, Any]]):
    """Gives the setting that decides how long a finished run is, with its new value; None for Esc.

    That is the number of steps where the recipe limits them, else the number of epochs.
    """

    refusals = True

    def __init__(self, name: str, recipe: Recipe) -> None:
        self._setting = setting("training.epochs" if recipe.training.max_steps is None else "training.max_steps")
        self._had = value_of(recipe, self._setting.key)
        had, title = show_value(self._setting, self._had), self._setting.title.capitalize()
        text = f"{name} has finished. It resumes from its last checkpoint; its adapter is written again.\n"
        text += f"\n{title} in total ({had} done):"
        suggested = show_value(self._setting, self._had * 2)
        super().__init__("Train further", "Enter resume · Esc back", text, suggested, select_on_focus=True)

    def read(self, text: str) -> dict[str, Any]:
        value = parse_value(self._setting, text)
        if value is None or value <= self._had:
            raise ValueError(f"{show_value(self._setting, self._had)} already done: enter more.")
        return {self._setting.key: value}


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

        def go(yes: bool | None) -> None:
            if yes:
                write(path)

        if is_there(path):
            app.push_screen(Confirm(title, f"{path}\nexists. Overwrite it?"), go)
        else:
            go(True)

    app.push_screen(AskLine(title, question, suggested), named)
