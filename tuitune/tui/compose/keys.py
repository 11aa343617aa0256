"""What the keys of Compose do: to the field under the cursor, and to the recipe as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tuitune.hardware.gpus import Gpu
from tuitune.planning.targets import expert_layers
from tuitune.recipe.document import render
from tuitune.recipe.presets import PRESETS
from tuitune.recipe.settings import Setting, setting, show_value
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.compose.composing import REVIEW, Composing
from tuitune.tui.compose.data_picker import DataPicker
from tuitune.tui.compose.method_picker import MethodPicker
from tuitune.tui.compose.model_picker import ModelPicker
from tuitune.tui.compose.options_dialog import OptionsDialog
from tuitune.tui.compose.preset_picker import PresetPicker
from tuitune.tui.compose.review import target_of
from tuitune.tui.compose.rewards_dialog import RewardsDialog, Weights
from tuitune.tui.compose.targets_dialog import TargetsDialog
from tuitune.tui.widgets.dialogs import Choice, Choose, Dialog, TextView
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.prompts_editor import PromptsEditor
from tuitune.units import bytes_text
from tuitune.views.model_list import card_of

Answer = TypeVar("Answer")


class ComposeKeys(Handler):
    """Edits the field of `form` under the cursor, by a line to type in, a step to its next choice, or a window.

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
        return "No advice here has a fix" if name == "fix" and self._fix() is None else None

    def _ask(self, dialog: Dialog[Answer], use: Callable[[Answer], object]) -> None:
        """Open a window and use what it gives; None is no answer."""

        def answered(answer: Answer | None) -> None:
            if answer is not None:
                use(answer)

        self.screen.app.push_screen(dialog, answered)

    # The field under the cursor

    def action_pick(self) -> None:
        """Whatever editing means for the row under the cursor."""
        row = self._form.rows.current
        if self.screen.focused is not None and self.screen.focused.id == "sections":
            self._form.rows.focus()
        elif row is not None and self._composing.section == REVIEW:
            self._go_to(target_of(row))
        elif row is not None:
            self._edit(row)

    def _edit(self, key: str) -> None:
        one, recipe, estimate = setting(key), self._draft.recipe, self._composing.estimate
        match one.entails.picked or one.kind:
            case "model":
                card = card_of(estimate.gpus, recipe.hardware.gpu) if estimate else None
                self._ask(ModelPicker(recipe, self._composing.base, card), self._use_model)
            case "data":
                self._ask(DataPicker(key, recipe, self._composing.base), self._use)
            case "modules":
                facts = estimate.facts if estimate else None
                linears, experts = (facts.linears, expert_layers(facts)) if facts else ((), ())
                adapts_experts = experts if recipe.method.experts else ()
                dialog = TargetsDialog(recipe.adapter.targets, linears, adapts_experts)
                self._ask(dialog, lambda targets: self._use({key: targets}))
            case "method":
                self._ask(MethodPicker(recipe), self._use)
            case "options" if recipe.method.is_tuner:
                self._ask(OptionsDialog(recipe.method, recipe.adapter.options), lambda given: self._use({key: given}))
            case "prompts":
                self._edit_prompts(key)
            case "rewards" if key not in self._draft.refused:
                self._ask(RewardsDialog(recipe.rewards.weights), lambda given: self._use_rewards(key, given))
            case "device" if estimate and estimate.gpus:
                devices = gpu_choices(estimate.gpus)
                self._ask(Choose(one.title, devices, recipe.hardware.gpu), lambda text: self._set_text(key, text))
            case "switch":
                self._step(key, 1)
            case "choice":
                options = choices_of(one)
                self._ask(Choose(one.title, options, self._draft.text(key)), lambda text: self._set_text(key, text))
            case _:
                self._form.edit(key, self._draft.text(key))

    def _use_rewards(self, key: str, given: Weights | str) -> None:
        if isinstance(given, str):
            self._form.edit(key, given)
        else:
            self._use({key: given})

    def _use_model(self, model: str) -> None:
        """Another model has revisions of its own, and leave to run its code has to be given anew."""
        if model != self._draft.recipe.model.id:
            defaults = {key: setting(key).default for key in ("model.revision", "model.trust_remote_code")}
            self._use({"model.id": model, **defaults})

    def _edit_prompts(self, key: str) -> None:
        def use(prompts: list[str] | None) -> None:
            if prompts is None:
                self._draft.told(self._draft.version)
            else:
                self._use({key: prompts})

        editor = PromptsEditor(
            self._draft.recipe.samples.prompts, lambda prompts: self._composing.keep_typed({key: prompts})
        )
        self.screen.app.push_screen(editor, use)

    def stepped(self, event: Form.Stepped) -> None:
        """Take the next choice of a field, or the one before; Space opens what has none."""
        if self._composing.section == REVIEW:
            return
        if event.by == 0 and setting(event.key).kind != "switch":
            self.action_pick()
        elif self._form.editing is None:
            self._step(event.key, event.by or 1)

    def _step(self, key: str, by: int) -> None:
        one, text = setting(key), self._draft.text(key)
        choices = ["true", "false"] if one.kind == "switch" else [str(choice) for choice in one.choices or one.words]
        if one.kind in ("choice", "switch", "cadence") and len(choices) > 1:
            place = choices.index(text) + by if text in choices else 0
            self._set_text(key, choices[place % len(choices)])

    def _set_text(self, key: str, text: str) -> None:
        self._draft.set_text(key, text)
        self._changed()

    def action_reset_field(self) -> None:
        if self.current is not None:
            self._draft.reset([self.current])
            self._changed()

    # The recipe

    def action_preset(self) -> None:
        self._ask(PresetPicker(self._draft.recipe), self._use_preset)

    def _use_preset(self, name: str) -> None:
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


def choices_of(one: Setting) -> list[Choice[str]]:
    """The choices of a setting, with what they mean."""
    notes = {each: [one.meanings.get(each, ""), "default" if each == one.default else ""] for each in one.choices}
    return [Choice(str(each), str(each), " · ".join(filter(None, said))) for each, said in notes.items()]


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
