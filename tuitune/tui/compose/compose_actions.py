"""What the keys of Compose do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tuitune.hardware.gpus import Gpu
from tuitune.problem import Problem
from tuitune.recipe.document import render
from tuitune.recipe.presets import PRESETS
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import section_titles, setting, show_value
from tuitune.runs.store.directory import Run
from tuitune.tui.compose.data_picker import DataPicker
from tuitune.tui.compose.launch import LaunchDialog
from tuitune.tui.compose.model_picker import ModelPicker
from tuitune.tui.compose.preset_picker import PresetPicker
from tuitune.tui.compose.review import target_of
from tuitune.tui.compose.targets_dialog import TargetsDialog
from tuitune.tui.saving import SavesRecipe
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, TextView
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.prompts_editor import PromptsEditor
from tuitune.units import bytes_text
from tuitune.views.draft import Version
from tuitune.views.estimate import Inspections, Outlook

REVIEW = "review"


class ComposeActions(SavesRecipe):
    """The actions of `ComposeScreen`, which holds the draft and draws it."""

    outlook: Outlook | None
    inspections: Inspections

    if TYPE_CHECKING:

        @property
        def form(self) -> Form: ...
        @property
        def section(self) -> str: ...
        @property
        def field(self) -> str | None: ...
        @property
        def errors(self) -> list[Problem]: ...
        def redraw(self, *, cursor: str | None = None) -> None: ...
        def changed(self, *, cursor: str | None = None) -> None: ...
        def keep(self, version: Version) -> None: ...
        def typed(self, values: dict[str, Any]) -> None: ...
        def set_values(self, values: dict[str, Any]) -> None: ...
        def show_section(self, name: str) -> None: ...
        def bring_section(self) -> None: ...
        def go_to(self, key: str) -> None: ...

    def why_disabled(self, name: str) -> str | None:
        """Why an action has nothing to do now."""
        if name == "undo" and not self.draft.can_undo:
            return "Nothing to undo"
        if name == "redo" and not self.draft.can_redo:
            return "Nothing to redo"
        if name == "reset_field" and (self.field is None or not self.draft.is_changed(self.field)):
            return "Already at its default" if self.field else "Put the cursor on a setting to reset it"
        if name == "fresh" and not self.draft.changed():
            return "Every setting is at its default"
        if name == "fix" and self._fixable() is None:
            return "No advice here has a fix"
        return None

    # Fields

    def action_pick(self) -> None:
        """Whatever editing means for the row under the cursor."""
        row = self.form.rows.current
        if self.focused is not None and self.focused.id == "sections":
            self.form.rows.focus()
        elif row is None:
            return
        elif self.section == REVIEW:
            self.go_to(target_of(row))
        elif (dialog := self._dialogs().get(setting(row).entails.picked)) is not None:
            dialog(row)
        else:
            self._edit(row)

    def _dialogs(self) -> dict[str, Callable[[str], None]]:
        """By what a setting is picked in."""
        return {
            "model": self._pick_model,
            "data": self._pick_data,
            "modules": self._pick_targets,
            "prompts": self._edit_prompts,
            **({"device": self._pick_gpu} if self.outlook and self.outlook.gpus else {}),
        }

    def _edit(self, key: str) -> None:
        one = setting(key)
        if one.kind == "switch":
            self._step(key, 1)
        elif one.kind == "choice":
            options = [
                Choice(str(choice), str(choice), "default" if choice == one.default else "") for choice in one.choices
            ]
            self.app.push_screen(
                Choose(one.title, options, self.draft.text(key)), lambda text: self._set_text(key, text)
            )
        else:
            self.form.edit(key, self.draft.text(key))

    def on_form_stepped(self, event: Form.Stepped) -> None:
        if self.section == REVIEW:
            return
        kind = setting(event.key).kind
        if event.by == 0 and kind != "switch":
            self.action_pick()
        elif self.form.editing is None:
            self._step(event.key, event.by or 1)

    def _step(self, key: str, by: int) -> None:
        one, text = setting(key), self.draft.text(key)
        choices = ["true", "false"] if one.kind == "switch" else [str(choice) for choice in one.choices or one.words]
        if one.kind in ("choice", "switch", "cadence") and len(choices) > 1:
            place = choices.index(text) + by if text in choices else 0
            self._set_text(key, choices[place % len(choices)])

    def _set_text(self, key: str, text: str | None) -> None:
        if text is not None:
            self.draft.set_text(key, text)
            self.changed()

    def _set_all(self, values: dict[str, Any] | None) -> None:
        if values:
            self.set_values(values)

    def _pick_model(self, key: str) -> None:
        self.app.push_screen(ModelPicker(self.draft.recipe.model.id, self.base), self._use_model)

    def _use_model(self, model: str | None) -> None:
        """Another model has revisions of its own, and leave to run its code has to be given anew."""
        if model is not None and model != self.draft.recipe.model.id:
            defaults = {key: setting(key).default for key in ("model.revision", "model.trust_remote_code")}
            self.set_values({"model.id": model, **defaults})

    def _pick_data(self, key: str) -> None:
        self.app.push_screen(DataPicker(key, self.draft.recipe, self.base), self._set_all)

    def _pick_targets(self, key: str) -> None:
        linears = self.outlook.facts.linears if self.outlook and self.outlook.facts else ()
        self.app.push_screen(
            TargetsDialog(self.draft.recipe.adapter.targets, linears),
            lambda targets: self._set_all(None if targets is None else {key: targets}),
        )

    def _pick_gpu(self, key: str) -> None:
        devices = gpu_choices(self.outlook.gpus if self.outlook else ())
        self.app.push_screen(
            Choose(setting(key).title, devices, self.draft.recipe.hardware.gpu),
            lambda device: self._set_text(key, device),
        )

    def _edit_prompts(self, key: str) -> None:
        self.app.push_screen(
            PromptsEditor(self.draft.recipe.samples.prompts, lambda prompts: self.typed({key: prompts})),
            self._use_prompts,
        )

    def _use_prompts(self, prompts: list[str] | None) -> None:
        if prompts is None:
            self.keep(self.draft.version)
        else:
            self.set_values({"samples.prompts": prompts})

    # The draft

    def action_undo(self) -> None:
        self._after_move(self.draft.undo())

    def action_redo(self) -> None:
        self._after_move(self.draft.redo())

    def _after_move(self, keys: list[str] | None) -> None:
        self.changed()
        if keys and setting(keys[0]).section != self.section and self.section != REVIEW:
            self.go_to(keys[0])
        elif keys and self.section != REVIEW:
            self.form.rows.move_to(keys[0])

    def action_fresh(self) -> None:
        """Begin again, once that is confirmed: the draft on disk goes with it."""
        if count := len(self.draft.changed()):
            what = f"{count} setting{' differs from its default' if count == 1 else 's differ from their defaults'}."
            question = Confirm("Start over from the defaults?", f"{what} u undoes it while tuitune is open.")
            self.app.push_screen(question, lambda yes: self._begin_again() if yes else None)

    def _begin_again(self) -> None:
        self.draft.replace(Recipe())
        self.changed()

    def action_reset_field(self) -> None:
        if self.field is not None:
            self.draft.reset([self.field])
            self.changed()

    def action_preset(self) -> None:
        self.app.push_screen(PresetPicker(self.draft.recipe), self._use_preset)

    def _use_preset(self, name: str | None) -> None:
        if name is not None:
            self.set_values(PRESETS[name].values)
            self.notify(f"preset {PRESETS[name].title} applied; u undoes it")

    def action_fix(self) -> None:
        if (values := self._fixable()) is not None:
            self.set_values(values)
            self.notify(", ".join(f"{key} is now {show_value(setting(key), value)}" for key, value in values.items()))

    def _fixable(self) -> dict[str, Any] | None:
        """The fix of the advice under the cursor in Review, of the field under the cursor, or of the first advice."""
        fixes = [(one.key, one.fix) for one in (self.outlook.advice if self.outlook else ()) if one.fix]
        row = self.form.rows.current or ""
        here = target_of(row) if self.section == REVIEW else row
        return next((fix for key, fix in fixes if key == here), fixes[0][1] if fixes else None)

    # The screen

    def action_advanced(self) -> None:
        self._show_advanced = not getattr(self, "_show_advanced", False)
        self.redraw()
        self.bring_section()

    def action_section_next(self) -> None:
        self._turn(1)

    def action_section_previous(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        names = [*section_titles(), REVIEW]
        self.show_section(names[(names.index(self.section) + by) % len(names)])

    def action_preview(self) -> None:
        from tuitune.tui.workbench.screen import WorkbenchScreen

        held_out = self.draft.recipe.data.eval
        looked_at = held_out if self.field == "data.eval" and isinstance(held_out, str) else None
        self.app.push_screen(WorkbenchScreen(self.draft, self.base, looked_at))

    def action_toml(self) -> None:
        left_out = [f"# {key}: {entry.text!r} refused: {entry.message}" for key, entry in self.draft.refused.items()]
        self.app.push_screen(TextView("The recipe", "\n".join([*left_out, render(self.draft.recipe)])))

    # Launching

    def action_launch(self) -> None:
        if self.draft.problems():
            self.show_errors("Not started")
        else:
            self.app.push_screen(self._launch_dialog(), self._launched)

    def _launch_dialog(self) -> LaunchDialog:
        recipe = self.draft.recipe
        return LaunchDialog(recipe, self.base, self.inspections.usable(recipe.data))

    def _launched(self, outcome: Run | list[Problem] | None) -> None:
        if isinstance(outcome, Run):
            self.app.drafting.end()
            self.app.open_monitor(outcome)
        elif outcome:
            self.show_errors("Not started")

    def show_errors(self, what: str) -> None:
        """Lead to what is wrong, and say what was not done because of it."""
        self.show_section(REVIEW)
        self.form.rows.focus()
        count = len(self.errors)
        self.notify(f"{what}: {count} error{'' if count == 1 else 's'} to fix, listed here", severity="warning")


def gpu_choices(gpus: Sequence[Gpu]) -> list[Choice[str]]:
    """What `hardware.gpu` can be on a machine with these GPUs; a slice of a card has no number of its own."""
    cards = [
        Choice(
            gpu.uuid if gpu.mig and gpu.uuid else str(gpu.index),
            f"GPU {gpu.index}",
            f"{gpu.name}, {bytes_text(gpu.memory_free)} of {bytes_text(gpu.memory_total)} free",
        )
        for gpu in gpus
    ]
    return [Choice("auto", "auto", "the first free GPU"), *cards, Choice("cpu", "cpu", "the CPU")]
