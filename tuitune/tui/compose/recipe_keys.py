"""What acts on the whole recipe: a preset, the fix of an advice, the recipe as TOML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuitune.recipe.document import render
from tuitune.recipe.presets import PRESETS
from tuitune.recipe.settings import setting, show_value
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.compose.composing import REVIEW, Composing
from tuitune.tui.compose.preset_picker import PresetPicker
from tuitune.tui.compose.review import target_of
from tuitune.tui.widgets.dialogs import TextView
from tuitune.tui.widgets.form import Form


class RecipeKeys(Handler):
    """`use` makes a step of the draft from values."""

    def __init__(
        self, screen: TuituneScreen, composing: Composing, form: Form, use: Callable[[dict[str, Any]], object]
    ) -> None:
        super().__init__(screen)
        self._composing = composing
        self._draft = composing.draft
        self._form = form
        self._use = use

    def why_disabled(self, name: str) -> str | None:
        return "No advice here has a fix" if name == "fix" and self._fix() is None else None

    def action_preset(self) -> None:
        self.screen.app.push_screen(PresetPicker(self._draft.recipe), self._use_preset)

    def _use_preset(self, name: str | None) -> None:
        if name is not None:
            self._use(PRESETS[name].values)
            self.screen.notify(f"preset {PRESETS[name].title} applied; u undoes it")

    def action_fix(self) -> None:
        if (values := self._fix()) is not None:
            self._use(values)
            said = [f"{key} is now {show_value(setting(key), value)}" for key, value in values.items()]
            self.screen.notify(", ".join(said))

    def _fix(self) -> dict[str, Any] | None:
        """The fix of the advice under the cursor in Review, of the field under the cursor, or of the first advice."""
        row = self._form.rows.current or ""
        return self._composing.fix(target_of(row) if self._composing.section == REVIEW else row)

    def action_toml(self) -> None:
        left_out = [f"# {key}: {entry.text!r} refused: {entry.message}" for key, entry in self._draft.refused.items()]
        self.screen.app.push_screen(TextView("The recipe", "\n".join([*left_out, render(self._draft.recipe)])))
