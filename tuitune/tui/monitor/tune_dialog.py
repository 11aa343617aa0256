"""What can be changed of a run while it trains, as a form with the values that are in effect now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tuitune.problem import Problem
from tuitune.recipe.check import RecipeError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, setting, settings, show_value
from tuitune.recipe.tunable import TUNABLE, tune
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, Dialog
from tuitune.tui.widgets.field_row import FieldView, field_row, help_text
from tuitune.tui.widgets.form import FieldInput, Form
from tuitune.tui.widgets.prompts_editor import PromptsEditor, in_line
from tuitune.tui.widgets.row_list import RowList
from tuitune.units import counted
from tuitune.views.draft import Draft, Version, value_of


class TuneDialog(Dialog[dict[str, Any]]):
    """Gives the settings that were changed, key → value; None for Esc. `recipe` is what the run goes by now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", show=False),
        Binding("r", "reset", show=False),
        Binding("f2", "send", show=False, priority=True),
        Binding("s", "send", show=False),
    ]
    DEFAULT_CSS = """
    TuneDialog #window { width: 96%; max-width: 96; height: 96%; max-height: 26; }
    TuneDialog Form > #help { min-height: 4; max-height: 4; }
    TuneDialog #verdict { height: 1; padding: 0 0 0 2; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, name: str, recipe: Recipe) -> None:
        super().__init__(f"Tune {name}", "Enter edit · r revert · s send · Esc close")
        self.form = Form(id="form")
        self._now = recipe
        self._draft = Draft(recipe)
        self._trial: Version | None = None

    def compose(self) -> ComposeResult:
        with self._window:
            yield self.form
            yield Static(id="verdict")

    def on_mount(self) -> None:
        self.form.takes = lambda key, text: key not in self._draft.trial(key, text).refused
        self._redraw()
        self.form.rows.focus()

    @property
    def _version(self) -> Version:
        """The draft, or what it would be with the text in the line editor."""
        return self._trial or self._draft.version

    def _changes(self) -> dict[str, Any]:
        """What differs from what the run goes by now."""
        values = {key: value_of(self._version.recipe, key) for key in sorted(TUNABLE)}
        return {key: value for key, value in values.items() if value != value_of(self._now, key)}

    def _problems(self) -> list[Problem]:
        refused = [Problem(key, entry.message) for key, entry in self._version.refused.items()]
        try:
            if changes := self._changes():
                tune(self._now, changes)
        except RecipeError as error:
            return refused + list(error.problems)
        return refused

    # What is shown

    def _redraw(self) -> None:
        problems, changes = self._problems(), self._changes()
        messages = {problem.key: problem.message for problem in reversed(problems)}
        self._views = {one.key: self._view(one, changes, messages) for one in settings() if one.key in TUNABLE}
        self.form.show([field_row(view) for view in self._views.values()])
        self._explain()
        self.query_one("#verdict", Static).update(_verdict(changes, problems))

    def _view(self, one: Setting, changes: Mapping[str, Any], messages: Mapping[str, str]) -> FieldView:
        refused = self._draft.refused.get(one.key)
        value = value_of(self._draft.recipe, one.key)
        prompts = in_line(value) if one.entails.picked == "prompts" and value else ""
        text = refused.text if refused else prompts or show_value(one, value)
        changed = one.key in changes
        note = f"now {_shown(one, value_of(self._now, one.key))}" if changed else ""
        return FieldView(one, text, changed=changed, message=messages.get(one.key, ""), note=note)

    @on(RowList.Highlighted)
    def _explain(self) -> None:
        key = self.form.rows.current
        self.form.explain(help_text(self._views[key], tuning=True) if key else Content(""))

    # What is typed and chosen

    @on(RowList.Clicked)
    def action_edit(self) -> None:
        """Whatever editing means for the setting under the cursor."""
        key = self.form.rows.current
        if key is None or self.form.editing is not None:
            return
        one = setting(key)
        if one.entails.picked == "prompts":
            self.app.push_screen(PromptsEditor(value_of(self._draft.recipe, key)), lambda found: self._use(key, found))
        elif one.kind == "choice":
            options = [Choice(str(choice), str(choice)) for choice in one.choices]
            self.app.push_screen(Choose(one.title, options, self._draft.text(key)), lambda text: self._use(key, text))
        else:
            self.form.edit(key, self._draft.text(key))

    def _use(self, key: str, value: object | None) -> None:
        """Take what a dialog gave; None is no answer."""
        if value is not None:
            self._draft.set_values({key: value})
            self._redraw()

    def action_reset(self) -> None:
        """Put the setting under the cursor back to what the run goes by now."""
        if (key := self.form.rows.current) is not None and self.form.editing is None:
            self._draft.set_values({key: value_of(self._now, key)})
            self._redraw()

    @on(Form.Stepped)
    def _stepped(self, event: Form.Stepped) -> None:
        one, text = setting(event.key), self._draft.text(event.key)
        choices = [str(choice) for choice in one.choices or one.words]
        if event.by == 0:
            self.action_edit()
        elif self.form.editing is None and len(choices) > 1 and one.kind in ("choice", "cadence"):
            place = choices.index(text) + event.by if text in choices else 0
            self._enter(event.key, choices[place % len(choices)])

    @on(Form.Typed)
    def _typed(self, event: Form.Typed) -> None:
        self._trial = self._draft.trial(event.key, event.text)
        self._redraw()

    @on(Form.Entered)
    def _entered(self, event: Form.Entered) -> None:
        self._enter(event.key, event.text)

    def _enter(self, key: str, text: str) -> None:
        self._trial = None
        self._draft.set_text(key, text)
        self._redraw()

    @on(Form.Abandoned)
    def _abandoned(self) -> None:
        self._trial = None
        self._redraw()

    def action_leave(self) -> None:
        """Close; what was changed is not lost unasked."""
        if not self._changes() and not self._version.refused:
            self.dismiss(None)
        else:
            question = Confirm("Discard the changes?", "They have not been sent; s sends them.")
            self.app.push_screen(question, self._discard)

    def _discard(self, yes: bool | None) -> None:
        if yes:
            self.dismiss(None)

    async def action_send(self) -> None:
        """Close with what was changed, where nothing is wrong with it; a text in the line editor counts."""
        if (key := self.form.editing) is not None:
            text = self.query_one(FieldInput).value
            await self.form.close_editor()
            self._enter(key, text)
        problems, changes = self._problems(), self._changes()
        if problems:
            self.form.rows.move_to(problems[0].key)
        elif changes:
            self.dismiss(changes)


def _verdict(changes: Mapping[str, Any], problems: list[Problem]) -> Content:
    """What sending would do, or what is in the way of it."""
    if problems:
        key, more = problems[0].key, f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        where = setting(key).title if key in TUNABLE else key
        return Content.styled(clean(f"✗ {where}{more}: {problems[0].message}"), "$bad")
    if not changes:
        return Content.styled("no changes yet", "$faint")
    titles = [f"{setting(key).title} {_shown(setting(key), value)}" for key, value in changes.items()]
    return Content.assemble(("s sends ", "$accent"), clean(" · ".join(titles)))


def _shown(one: Setting, value: object) -> str:
    """A value in a few characters."""
    if one.entails.picked == "prompts" and isinstance(value, list):
        return counted(len(value), "prompt")
    return clean(show_value(one, value) or "none", limit=24)
