"""The step before something is done with a recipe: everything is checked once more and shown, then Enter does it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tuitune.planning.preflight import Check, check
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.text import clean, redact
from tuitune.tui.widgets.dialogs import Dialog, TextReader

Made = TypeVar("Made")


class Checking(Dialog[Made | list[Problem]]):
    """Gives what was made of the recipe, or the errors that stand against it; None where it was left be.

    A subclass says in `summary` what is about to happen and does it in `make`; both are called in threads. It may look
    further once it is shown, note what it sees, and refuse after all.
    """

    VERB: ClassVar[str]
    """What Enter does, in a word; `DOING` is said meanwhile, `NOT_DONE` where nothing came of it."""
    DOING: ClassVar[str]
    NOT_DONE: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,y", "go_ahead", show=False)]
    DEFAULT_CSS = """
    Checking TextReader { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }
    Checking Static { height: auto; }
    Checking #note { max-height: 8; display: none; dock: bottom; }
    """

    def __init__(self, title: str, recipe: Recipe, base: Path, rows: int | None = None) -> None:
        """`rows` are the usable rows of the training data, where they have been counted."""
        super().__init__(title, "Esc back")
        self._rows = rows
        self.recipe = recipe
        self.base = base
        self._ready = False
        self.at_work = False
        """Whether it is being done: too late to refuse, and to leave, which would have it come about unseen."""

    @abstractmethod
    def summary(self, found: Check) -> Content:
        """What is about to happen."""

    @abstractmethod
    def make(self) -> Made:
        """Do it. TuituneError or OSError says why it cannot be done."""

    def show(self, summary: Content) -> None:
        """Show what is about to happen: Enter does it from now on."""
        self._ready = True
        self._say(summary, f"Enter {self.VERB} · Esc back")

    def note(self, text: Content) -> None:
        """Say something below the summary, in place of what was said there before."""
        below = self.query_one("#note", Static)
        below.display = bool(text)
        below.update(text)

    def refuse(self, text: Content) -> None:
        """Say why it will not be done, in place of the summary."""
        self._ready = self.at_work = False
        self.note(Content(""))
        self._say(Content.assemble((f"{self.NOT_DONE}\n", "bold"), text, "\n\nThe draft is unchanged."))

    def compose(self) -> ComposeResult:
        with self._window:
            with TextReader():
                yield Static("Checking the recipe, the model and the data …", id="said")
            yield Static(id="note")

    def on_mount(self) -> None:
        self._check()

    def action_go_ahead(self) -> None:
        if self._ready:
            self._ready, self.at_work = False, True
            self.note(Content(""))
            self._say(Content(self.DOING), "")
            self._make()

    def action_leave(self) -> None:
        if not self.at_work:
            self.dismiss(None)

    def _say(self, text: Content, keys: str = "Esc back") -> None:
        self.query_one("#said", Static).update(text)
        self._window.border_subtitle = Content(keys)

    @work(exit_on_error=False)
    async def _check(self) -> None:
        found = await asyncio.to_thread(check, self.recipe, base=self.base, online=True, rows=self._rows)
        if found.errors:
            self.dismiss(found.errors)
        else:
            self.show(await asyncio.to_thread(self.summary, found))

    @work(exit_on_error=False)
    async def _make(self) -> None:
        self.dismiss(await asyncio.to_thread(self.make))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            known = isinstance(error, TuituneError | OSError)
            self.fail(str(error) if known else f"{type(error).__name__}: {error}")

    def fail(self, reason: str) -> None:
        """It could not be checked or done."""
        self.refuse(Content(clean(reason, newlines=True)).stylize("$bad"))


def fact(name: str, value: str) -> Content:
    """A line of the summary: a name and what it is; the value may be foreign text."""
    return Content.assemble((name.ljust(9), "$faint"), clean(redact(value), limit=200))
