"""What Compose knows: the draft, what is wrong with it and what its fields show, without a screen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuitune.planning.preflight import Advice
from tuitune.problem import Problem
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, section_titles, setting, settings, without_effect
from tuitune.recipe.steps import warm_up_steps
from tuitune.tui.compose.section_list import SectionMark
from tuitune.tui.widgets.field_row import FieldView
from tuitune.tui.widgets.prompts_editor import in_line
from tuitune.units import count_text, counted, number_text
from tuitune.views.draft import Draft, Version, value_of
from tuitune.views.estimate import Estimate, Inspections

REVIEW = "review"

_CHOSEN_BETWEEN = ("adapter.method", "objective.kind", "rewards.weights")


class Composing:
    """A draft whose relative paths start at `base`; the settings `settled` are not to be changed and not shown."""

    def __init__(self, draft: Draft, base: Path, settled: Collection[str] = ()) -> None:
        self.draft = draft
        self.base = base
        self.estimate: Estimate | None = None
        """What is known of the recipe, once somebody has looked."""
        self.inspections = Inspections(base)
        self.section = "model"
        """The section in hand, or `REVIEW`."""
        self.advanced = False
        """Whether the advanced settings are shown."""
        self.trial: Version | None = None
        """The draft with what is being typed and not entered yet."""
        self._settled = settled

    @property
    def advice(self) -> Sequence[Advice]:
        """What is advised against, as far as anybody has looked."""
        return self.estimate.advice if self.estimate else ()

    @property
    def version(self) -> Version:
        """The draft as it is on the screen."""
        return self.trial or self.draft.version

    def keep_typed(self, values: dict[str, Any]) -> None:
        """Keep what stands in a window and is not entered yet, as far as the fields take it."""
        with suppress(ValueError):
            self.draft.told(Version(with_values(self.draft.recipe, values), self.draft.refused))

    @property
    def errors(self) -> list[Problem]:
        """Everything wrong with the draft: in its fields, between them, and in the files and models they name."""
        found = self.draft.problems()
        if self.estimate is not None:
            found += [one for one in self.estimate.errors if one not in found and self._still_holds(one)]
        return found

    def _still_holds(self, problem: Problem) -> bool:
        if self.estimate is None or all(one.key != problem.key for one in settings()):
            return True
        if problem.key.startswith("data."):
            before, now = self.estimate.recipe, self.draft.recipe
            return (before.data, before.cleaning) == (now.data, now.cleaning)
        return bool(value_of(self.estimate.recipe, problem.key) == value_of(self.draft.recipe, problem.key))

    def fix(self, row: str) -> dict[str, Any] | None:
        """The fix of the advice on the setting `row`, or of the first advice."""
        fixes = [(one.key, one.fix) for one in self.advice if one.fix]
        return next((fix for key, fix in fixes if key == row), fixes[0][1] if fixes else None)

    def marks(self, errors: Sequence[Problem]) -> list[SectionMark]:
        changed = Counter(key.split(".")[0] for key in self.draft.changed() if key not in self._settled)
        wrong = Counter(error.key.split(".")[0] for error in errors)
        marks = [SectionMark(name, title, changed[name], wrong[name]) for name, title in section_titles().items()]
        return [*marks, SectionMark(REVIEW, "Review", problems=len(errors))]

    def fields(self, errors: Sequence[Problem], sections: Sequence[str], editing: str | None) -> dict[str, FieldView]:
        """What the fields of `sections` show, by their keys; the editor is open on `editing`."""
        version = self.version
        messages = {error.key: error.message for error in reversed(errors)}
        if editing is not None:
            entry = version.refused.get(editing)
            messages[editing] = entry.message if entry else ""
        beside, idle = notes(version.recipe, self.estimate), without_effect(version.recipe)
        return {
            one.key: FieldView(
                one,
                self._text(one),
                changed=self.draft.is_changed(one.key),
                message=messages.get(one.key, ""),
                note=beside.get(one.key, ""),
                unused=idle.get(one.key, ""),
            )
            for one in settings()
            if one.section in sections and self._is_shown(one, messages, idle)
        }

    def _text(self, one: Setting) -> str:
        prompts = one.of(self.draft.recipe) if one.entails.picked == "prompts" else []
        if prompts and one.key not in self.draft.refused:
            return in_line(prompts)
        return self.draft.text(one.key)

    def _is_shown(self, one: Setting, messages: dict[str, str], idle: Collection[str]) -> bool:
        if one.key in self._settled:
            return False
        if self.draft.is_changed(one.key) or messages.get(one.key):
            return True
        return (self.advanced or not one.advanced) and not (one.key in idle and _is_of_another(one))


def _is_of_another(one: Setting) -> bool:
    """Whether an idle setting is a method's, objective's or reward's own, which stands beside the choice of it."""
    return any(need.key in _CHOSEN_BETWEEN and need.key.startswith(f"{one.section}.") for need in one.entails.needs)


def notes(recipe: Recipe, estimate: Estimate | None) -> dict[str, str]:
    """Key → what follows from its value. `estimate` may be of an earlier version of the recipe."""
    adapter, training, prompts = recipe.adapter, recipe.training, len(recipe.samples.prompts)
    rank, root_of = recipe.method.rank(adapter), adapter.rslora and recipe.method.uses("rslora")
    divisor = (math.sqrt(rank) if root_of else rank) or 1
    found = {
        "adapter.alpha": f"scaling {'α/√r' if root_of else 'α/r'} = {_plain(adapter.alpha / divisor)}",
        "training.accumulation": f"effective batch {training.batch_size * training.accumulation}",
        "samples.prompts": counted(prompts, "prompt") if prompts else "none yet",
        "quantization.bits": {4: "QLoRA", 8: "LLM.int8()", 16: "as loaded"}[recipe.quantization.bits],
    }
    found |= {key: f"{value:g} in force" for key, value in _in_force(recipe).items()}
    if isinstance(recipe.data.eval, float):
        found["data.eval"] = f"{recipe.data.eval * 100:g} % of the rows"
    if estimate is None:
        return found
    if estimate.total:
        found["model.id"] = f"{count_text(estimate.total)} parameters"
        if estimate.trainable is not None and recipe.method.uses("targets"):
            found["adapter.targets"] = f"trains {count_text(estimate.trainable)}"
    if estimate.facts and estimate.facts.layers:
        found["adapter.layers"] = f"of {estimate.facts.layers}, from 0"
    if estimate.rows is not None:
        found["data.train"] = f"{estimate.rows:,} to train on"
    if (steps := estimate.steps) is not None:
        found["training.epochs"] = steps.phrase
        found["training.warmup_ratio"] = replace(steps, count=warm_up_steps(steps.count, training)).phrase
    return found


def _in_force(recipe: Recipe) -> dict[str, float]:
    """Key of a setting that is left empty → what training takes for it."""
    taken = {"objective.beta": recipe.beta, "objective.ld_alpha": 1.0, "objective.clip_high": recipe.objective.clip}
    return {key: value for key, value in taken.items() if setting(key).of(recipe) is None}


def _plain(figure: float) -> str:
    return f"{figure:.1f}" if 0.1 <= figure < 1000 else number_text(figure)
