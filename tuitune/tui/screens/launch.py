"""The last step before a run: everything checked once more, what is about to start, and the start itself."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

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
from tuitune.recipe.settings import setting, show_value
from tuitune.runs.directory import Run
from tuitune.runs.launcher import launch
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.forecast import ADVICE_SIGNS
from tuitune.units import bytes_text, count_text, number_text


class LaunchDialog(Dialog[Run | list[Problem]]):
    """Gives the run that was started, or the errors that kept it from starting; None where it was left be."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,y", "launch", show=False)]
    DEFAULT_CSS = "LaunchDialog Static { height: auto; }"

    class Checked(Message):
        """The check is done."""

        def __init__(self, found: Check) -> None:
            super().__init__()
            self.found = found

    class Launched(Message):
        """The run has been started."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    class Failed(Message):
        """It could not be checked or started."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, recipe: Recipe, base: Path) -> None:
        super().__init__("Launch", "Esc back")
        self._recipe = recipe
        self._base = base
        self._ready = False
        self._starting = False

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static("Checking the recipe, the model and the data …")

    def on_mount(self) -> None:
        self._check()

    def action_launch(self) -> None:
        if self._ready:
            self._ready, self._starting = False, True
            self._say(Content("Starting …"), "")
            self._launch()

    def action_leave(self) -> None:
        """Close; not while a run is being started, which would come up unseen."""
        if not self._starting:
            self.dismiss(None)

    def _say(self, text: Content, keys: str = "Esc back") -> None:
        self.query_one(Static).update(text)
        self._window.border_subtitle = Content(keys)

    @work(thread=True, exit_on_error=False)
    def _check(self) -> None:
        try:
            found = check(self._recipe, base=self._base)
        except (TuituneError, OSError) as error:
            self.post_message(self.Failed(str(error)))
            return
        if not get_current_worker().is_cancelled:
            self.post_message(self.Checked(found))

    @work(thread=True, exit_on_error=False)
    def _launch(self) -> None:
        try:
            self.post_message(self.Launched(launch(self._recipe, base=self._base)))
        except (TuituneError, OSError) as error:
            self.post_message(self.Failed(str(error)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.post_message(self.Failed(f"{type(event.worker.error).__name__}: {event.worker.error}"))

    def on_launch_dialog_checked(self, event: Checked) -> None:
        if event.found.errors:
            self.dismiss(list(event.found.errors))
            return
        self._ready = True
        self._say(_summary(self._recipe, event.found), "Enter launch · Esc back")

    def on_launch_dialog_launched(self, event: Launched) -> None:
        self.dismiss(event.run)

    def on_launch_dialog_failed(self, event: Failed) -> None:
        self._starting = False
        reason = Content(clean(event.reason, newlines=True)).stylize("$bad")
        self._say(Content.assemble(("Not started.\n", "bold"), reason, "\n\nThe draft is kept as it is."))


def _summary(recipe: Recipe, found: Check) -> Content:
    batch, accumulation = recipe.training.batch_size, recipe.training.accumulation
    lines = [
        _fact("run", recipe.run.name),
        _fact("model", recipe.model.id),
        _fact("data", recipe.data.train),
        _fact("held out", show_value(setting("data.eval"), recipe.data.eval) or "nothing"),
        _fact("adapter", _adapter(recipe)),
        _fact("steps of", f"{batch * accumulation} rows ({batch} × {accumulation}), {_length(recipe)}"),
        _fact("rate", f"{number_text(recipe.training.learning_rate)}, {recipe.training.schedule}"),
        _fact("trains", f"{count_text(found.trainable)} of {count_text(found.total)} parameters"),
        _fact(
            "memory", bytes_text(found.forecast.total) if found.forecast else "unknown until the model is downloaded"
        ),
    ]
    if found.advice:
        lines.append(Content(""))
    for one in found.advice:
        sign, colour = ADVICE_SIGNS.get(one.level, ADVICE_SIGNS["info"])
        lines.append(Content.assemble((f"{sign} ", colour), clean(one.message)))
    closing = Content("\nThe run goes on when you leave tuitune or lose the connection.").stylize("$faint")
    return Content("\n").join([*lines, closing])


def _adapter(recipe: Recipe) -> str:
    if recipe.adapter.method == "none":
        return "none: every weight is trained"
    targets = show_value(setting("adapter.targets"), recipe.adapter.targets)
    bits = "" if recipe.quantization.bits == 16 else f", base in {recipe.quantization.bits} bits"
    return f"{recipe.adapter.method} r {recipe.adapter.rank} α {recipe.adapter.alpha} on {targets}{bits}"


def _length(recipe: Recipe) -> str:
    training = recipe.training
    limit = f", at most {training.max_steps:,} steps" if training.max_steps else ""
    return f"{training.epochs:g} epochs{limit}"


def _fact(name: str, value: str) -> Content:
    return Content.assemble((name.ljust(9), "$faint"), clean(value, limit=200))
