"""Writing the draft to a recipe file, from any screen that holds one."""

from __future__ import annotations

from pathlib import Path

from tuitune.paths import private_directory, recipes_home
from tuitune.problem import TuituneError
from tuitune.recipe.document import render, write_text
from tuitune.runs.located import resolve_paths
from tuitune.tui.base import TuituneScreen
from tuitune.tui.widgets.ask import Ask
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.views.draft import Draft
from tuitune.views.typed_path import is_there, typed_path


class SavesRecipe(TuituneScreen):
    """A screen that holds a draft, whose relative paths start at `base`.

    A recipe that is saved anywhere else names its files by their whole paths.
    """

    draft: Draft
    base: Path

    def action_save(self) -> None:
        suggested = recipes_home() / f"{self.draft.recipe.run.name}.toml"
        self.app.push_screen(Ask("Save the recipe", "Write the recipe to this file:", str(suggested)), self._save_to)

    def _save_to(self, name: str | None) -> None:
        if name is None:
            return
        path = typed_path(name, self.base)
        if is_there(path):
            question = Confirm("Save the recipe", f"{path}\nexists. Overwrite it?")
            self.app.push_screen(question, lambda yes: self._write(path) if yes else None)
        else:
            self._write(path)

    def _write(self, path: Path) -> None:
        try:
            if path.parent == recipes_home():
                private_directory(path.parent)
            recipe = self.draft.recipe
            write_text(path, render(recipe if path.parent == self.base else resolve_paths(recipe, self.base)))
        except (OSError, TuituneError) as error:
            self.notify(str(error), title="Not saved", severity="error")
            return
        without = f" Skipped: {', '.join(self.draft.refused)}, not valid as typed." if self.draft.refused else ""
        self.notify(f"{path}{without}", title="Saved")
