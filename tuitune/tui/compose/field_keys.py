"""What editing means for a field: a line to type in, a step to its next choice, or a window to pick from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tuitune.hardware.gpus import Gpu
from tuitune.recipe.settings import setting
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.compose.composing import REVIEW, Composing
from tuitune.tui.compose.data_picker import DataPicker
from tuitune.tui.compose.model_picker import ModelPicker
from tuitune.tui.compose.review import target_of
from tuitune.tui.compose.targets_dialog import TargetsDialog
from tuitune.tui.widgets.dialogs import Choice, Choose
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.prompts_editor import PromptsEditor
from tuitune.units import bytes_text


class FieldKeys(Handler):
    """Edits the field of `form` under the cursor.

    `use` makes a step of the draft from values, `changed` is called after one that is made here, and `go_to` shows
    another setting.
    """

    def __init__(
        self,
        screen: TuituneScreen,
        composing: Composing,
        form: Form,
        *,
        use: Callable[[dict[str, Any]], object],
        changed: Callable[[], object],
        go_to: Callable[[str], object],
    ) -> None:
        super().__init__(screen)
        self._composing = composing
        self._draft = composing.draft
        self._form = form
        self._use = use
        self._changed = changed
        self._go_to = go_to

    @property
    def current(self) -> str | None:
        """The key of the setting under the cursor; None in Review."""
        return None if self._composing.section == REVIEW else self._form.rows.current

    def why_disabled(self, name: str) -> str | None:
        if name == "reset_field" and (self.current is None or not self._draft.is_changed(self.current)):
            return "Already at its default" if self.current else "Put the cursor on a setting to reset it"
        return None

    def action_pick(self) -> None:
        """Whatever editing means for the row under the cursor."""
        row = self._form.rows.current
        if self.screen.focused is not None and self.screen.focused.id == "sections":
            self._form.rows.focus()
        elif row is None:
            return
        elif self._composing.section == REVIEW:
            self._go_to(target_of(row))
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
            **({"device": self._pick_gpu} if self._composing.outlook and self._composing.outlook.gpus else {}),
        }

    def _edit(self, key: str) -> None:
        one = setting(key)
        if one.kind == "switch":
            self._step(key, 1)
        elif one.kind == "choice":
            options = [
                Choice(str(choice), str(choice), "default" if choice == one.default else "") for choice in one.choices
            ]
            self.screen.app.push_screen(
                Choose(one.title, options, self._draft.text(key)), lambda text: self._set_text(key, text)
            )
        else:
            self._form.edit(key, self._draft.text(key))

    def stepped(self, event: Form.Stepped) -> None:
        """Take the next choice of a field, or the one before; Space opens what has none."""
        if self._composing.section == REVIEW:
            return
        kind = setting(event.key).kind
        if event.by == 0 and kind != "switch":
            self.action_pick()
        elif self._form.editing is None:
            self._step(event.key, event.by or 1)

    def _step(self, key: str, by: int) -> None:
        one, text = setting(key), self._draft.text(key)
        choices = ["true", "false"] if one.kind == "switch" else [str(choice) for choice in one.choices or one.words]
        if one.kind in ("choice", "switch", "cadence") and len(choices) > 1:
            place = choices.index(text) + by if text in choices else 0
            self._set_text(key, choices[place % len(choices)])

    def _set_text(self, key: str, text: str | None) -> None:
        if text is not None:
            self._draft.set_text(key, text)
            self._changed()

    def _set_all(self, values: dict[str, Any] | None) -> None:
        if values:
            self._use(values)

    def _pick_model(self, key: str) -> None:
        self.screen.app.push_screen(ModelPicker(self._draft.recipe.model.id, self._composing.base), self._use_model)

    def _use_model(self, model: str | None) -> None:
        """Another model has revisions of its own, and leave to run its code has to be given anew."""
        if model is not None and model != self._draft.recipe.model.id:
            defaults = {key: setting(key).default for key in ("model.revision", "model.trust_remote_code")}
            self._use({"model.id": model, **defaults})

    def _pick_data(self, key: str) -> None:
        self.screen.app.push_screen(DataPicker(key, self._draft.recipe, self._composing.base), self._set_all)

    def _pick_targets(self, key: str) -> None:
        outlook = self._composing.outlook
        linears = outlook.facts.linears if outlook and outlook.facts else ()
        self.screen.app.push_screen(
            TargetsDialog(self._draft.recipe.adapter.targets, linears),
            lambda targets: self._set_all(None if targets is None else {key: targets}),
        )

    def _pick_gpu(self, key: str) -> None:
        devices = gpu_choices(self._composing.outlook.gpus if self._composing.outlook else ())
        self.screen.app.push_screen(
            Choose(setting(key).title, devices, self._draft.recipe.hardware.gpu),
            lambda device: self._set_text(key, device),
        )

    def _edit_prompts(self, key: str) -> None:
        self.screen.app.push_screen(
            PromptsEditor(
                self._draft.recipe.samples.prompts, lambda prompts: self._composing.keep_typed({key: prompts})
            ),
            self._use_prompts,
        )

    def _use_prompts(self, prompts: list[str] | None) -> None:
        if prompts is None:
            self._draft.told(self._draft.version)
        else:
            self._use({"samples.prompts": prompts})

    def action_reset_field(self) -> None:
        if self.current is not None:
            self._draft.reset([self.current])
            self._changed()


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
