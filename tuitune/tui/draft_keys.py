"""What every screen with a draft can do: take steps back, and write the recipe to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuitune.paths import private_directory, recipes_home
from tuitune.recipe.document import render, write_text
from tuitune.runs.located import resolve_paths
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.widgets.ask import ask_where
from tuitune.views.draft import Draft


class DraftKeys(Handler):
    """Acts on a draft whose relative paths start at `base`. `moved` is called with the keys that a step changed.

    A recipe that is saved anywhere else than in `base` names its files by their whole paths.
    """

    def __init__(
        self, screen: TuituneScreen, draft: Draft, base: Path, moved: Callable[[list[str] | None], object]
    ) -> None:
        super().__init__(screen)
        self._draft = draft
        self._base = base
        self._moved = moved

    def why_disabled(self, name: str) -> str | None:
        if name == "undo" and not self._draft.can_undo:
            return "Nothing to undo"
        if name == "redo" and not self._draft.can_redo:
            return "Nothing to redo"
        return None

    def action_undo(self) -> None:
        self._moved(self._draft.undo())

    def action_redo(self) -> None:
        self._moved(self._draft.redo())

    def action_save(self) -> None:
        suggested = str(recipes_home() / f"{self._draft.recipe.run.name}.toml")
        question = "Write the recipe to this file:"
        ask_where(self.screen.app, "Save the recipe", question, suggested, self._base, self._write)

    def _write(self, path: Path) -> None:
        with self.telling("Not saved"):
            if path.parent == recipes_home():
                private_directory(path.parent)
            recipe = self._draft.recipe
            write_text(path, render(recipe if path.parent == self._base else resolve_paths(recipe, self._base)))
            without = f" Skipped: {', '.join(self._draft.refused)}, not valid as typed." if self._draft.refused else ""
            self.screen.notify(f"{path}{without}", title="Saved")
