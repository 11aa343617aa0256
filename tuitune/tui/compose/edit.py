"""Compose on the recipe of a run that waits in the queue: what is changed is put into the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content

from tuitune.planning.preflight import Check
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.run import RunSection
from tuitune.recipe.settings import setting, settings, show_value
from tuitune.runs.control import spool
from tuitune.runs.located import resolve_paths
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.actions import bindings
from tuitune.tui.compose.checking import Checking
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.views.draft import Draft, value_of

_ANSWER_SECONDS = 10.0


class EditScreen(ComposeScreen):
    """Edits the recipe of a waiting `run`. The draft of a new run, if there is one, is left alone."""

    NAME = "edit"
    WHAT = "Queued run"
    SETTLED = frozenset(one.key for one in settings() if one.entails.change == "never")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit")]

    def __init__(self, run: Run, recipe: Recipe) -> None:
        super().__init__(Draft(recipe))
        self._run = run
        self._before = recipe

    def action_fresh(self) -> None:
        """Every setting at its default; the run keeps its name."""
        self.draft.replace(Recipe(run=RunSection(name=self._before.run.name)))
        self.changed()

    def leave(self) -> bool:
        """Ask before changes are lost."""
        if not changes(self._before, self.draft.recipe) and not self.draft.refused:
            return False
        text = f"Unsaved changes to {self._run.name}; L saves them."
        question = Confirm("Leave without saving?", text)
        self.app.push_screen(question, lambda yes: self.app.open_runs() if yes else None)
        return True

    def action_launch(self) -> None:
        """Save to the queue; called so because it is what launching is for a new run."""
        if self.draft.problems():
            self.show_errors("Not saved")
            return
        recipe = resolve_paths(self.draft.recipe, self.composing.base)
        if changed := changes(self._before, recipe):
            self.app.push_screen(SaveDialog(self._run, self._before, recipe, changed, self.composing.base), self._saved)
        else:
            self.notify("No changes yet")

    def _saved(self, outcome: bool | list[Problem] | None) -> None:
        if isinstance(outcome, list):
            self.show_errors("Not saved")
        elif outcome:
            self.app.open_runs()
            self.notify(f"{self._run.name}: changes saved")


class SaveDialog(Checking[bool]):
    """Gives True once the waiting run has taken the changes."""

    VERB, DOING, NOT_DONE = "save", "Waiting for the run to accept the changes …", "Not saved."

    def __init__(self, run: Run, before: Recipe, after: Recipe, changed: Mapping[str, Any], base: Path) -> None:
        super().__init__(f"Save to {run.name}", after, base)
        self._run = run
        self._before = before
        self._changed = changed

    def summary(self, found: Check) -> Content:
        lines = [_change(key, self._before, self.recipe) for key in self._changed]
        return Content("\n").join([*lines, Content("\nThe run keeps its place in the queue.").stylize("$faint")])

    def make(self) -> bool:
        """Ask for the changes and wait until the supervisor has made them, all or none."""
        nonce = spool.request(self._run, "edit", {"changes": dict(self._changed)})
        outcome = spool.await_outcome(self._run, nonce, seconds=_ANSWER_SECONDS)
        if outcome is None:
            raise TuituneError(f"{self._run.name} has not answered yet; check its recipe before you try again")
        if not outcome.ok:
            raise TuituneError(self._why_refused(outcome.message))
        return True

    def _why_refused(self, message: str) -> str:
        state, _ = derive(self._run)
        if state == "queued":
            return message or "the run refused the changes"
        return f"{self._run.name} is {state} now; nothing was changed. {message}"


def changes(before: Recipe, after: Recipe) -> dict[str, Any]:
    """Key → new value of every setting that differs, as plain JSON values."""
    plain = after.model_dump(mode="json")
    keys = [one.key for one in settings() if value_of(before, one.key) != value_of(after, one.key)]
    return {key: plain[key.split(".")[0]][key.split(".")[1]] for key in keys}


def _change(key: str, before: Recipe, after: Recipe) -> Content:
    one = setting(key)
    was, now = (show_value(one, value_of(recipe, key)) or "none" for recipe in (before, after))
    return Content.assemble((key.ljust(28), "$faint"), clean(was, limit=120), (" → ", "$faint"), clean(now, limit=120))
