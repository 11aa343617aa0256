"""The step before something is done with a recipe: everything is checked once more and shown, then Enter does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from tuitune.planning.preflight import Check, check
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.text import clean, redact
from tuitune.tui.widgets.dialogs import Dialog, TextReader

Made = TypeVar("Made")


@dataclass(frozen=True)
class LastStep(Generic[Made]):
    """What Enter does: `make`, which raises TuituneError or OSError where it cannot be done.

    `summary` is what is shown before. Both are called in threads. `verb` says in a word what Enter does, `doing` what
    happens meanwhile, `not_done` that nothing came of it.
    """

    verb: str
    doing: str
    not_done: str
    summary: Callable[[Check], Content]
    make: Callable[[], Made]


class Checking(Dialog[Made | list[Problem]]):
    """Gives what was made of the recipe, or the errors that stand against it; None where it was left be.

    A subclass may go on looking once it is `ready`, note what it sees, and refuse after all.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,y", "go_ahead", show=False)]
    DEFAULT_CSS = """
    Checking TextReader { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }
    Checking Static { height: auto; }
    Checking #note { max-height: 8; display: none; dock: bottom; }
    """

    class Looked(Message):
        """The check is done; `summary` shows what is about to happen."""

        def __init__(self, errors: list[Problem], summary: Content) -> None:
            super().__init__()
            self.errors = errors
            self.summary = summary

    class Done(Message):
        """It has been done."""

        def __init__(self, made: object) -> None:
            super().__init__()
            self.made = made

    class Failed(Message):
        """It could not be checked or done."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, title: str, recipe: Recipe, base: Path, step: LastStep[Made], rows: int | None = None) -> None:
        """`rows` are the usable rows of the training data, where they have been counted."""
        super().__init__(title, "Esc back")
        self._step = step
        self._rows = rows
        self.recipe = recipe
        self.base = base
        self._ready = False
        self._at_work = False

    def ready(self) -> None:
        """Enter does it from now on."""

    def note(self, text: Content) -> None:
        """Say something below the summary, in place of what was said there before."""
        below = self.query_one("#note", Static)
        below.display = bool(text)
        below.update(text)

    @property
    def at_work(self) -> bool:
        """Whether it is being done: too late to refuse."""
        return self._at_work

    def refuse(self, text: Content) -> None:
        """Say why it will not be done, in place of the summary."""
        self._ready = False
        self.note(Content(""))
        self._say(Content.assemble((f"{self._step.not_done}\n", "bold"), text))

    def compose(self) -> ComposeResult:
        with self._window:
            with TextReader():
                yield Static("Checking the recipe, the model and the data …", id="said")
            yield Static(id="note")

    def on_mount(self) -> None:
        self._check()

    def action_go_ahead(self) -> None:
        if self._ready:
            self._ready, self._at_work = False, True
            self.note(Content(""))
            self._say(Content(self._step.doing), "")
            self._make()

    def action_leave(self) -> None:
        """Close; not while it is being done, which would come about unseen."""
        if not self._at_work:
            self.dismiss(None)

    def _say(self, text: Content, keys: str = "Esc back") -> None:
        self.query_one("#said", Static).update(text)
        self._window.border_subtitle = Content(keys)

    @work(thread=True, exit_on_error=False)
    def _check(self) -> None:
        try:
            found = check(self.recipe, base=self.base, online=True, rows=self._rows)
            message = self.Looked(found.errors, Content("") if found.errors else self._step.summary(found))
        except (TuituneError, OSError) as error:
            self.post_message(self.Failed(str(error)))
            return
        if not get_current_worker().is_cancelled:
            self.post_message(message)

    @work(thread=True, exit_on_error=False)
    def _make(self) -> None:
        try:
            self.post_message(self.Done(self._step.make()))
        except (TuituneError, OSError) as error:
            self.post_message(self.Failed(str(error)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.post_message(self.Failed(f"{type(event.worker.error).__name__}: {event.worker.error}"))

    def on_checking_looked(self, event: Looked) -> None:
        if event.errors:
            self.dismiss(event.errors)
            return
        self._ready = True
        self._say(event.summary, f"Enter {self._step.verb} · Esc back")
        self.ready()

    def on_checking_done(self, event: Done) -> None:
        self.dismiss(event.made)  # type: ignore[arg-type]

    def on_checking_failed(self, event: Failed) -> None:
        self._at_work = False
        reason = Content(clean(event.reason, newlines=True)).stylize("$bad")
        self.refuse(Content.assemble(reason, "\n\nThe draft is unchanged."))


def fact(name: str, value: str) -> Content:
    """A line of the summary: a name and what it is; the value may be foreign text."""
    return Content.assemble((name.ljust(9), "$faint"), clean(redact(value), limit=200))
