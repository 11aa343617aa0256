"""The last step before a run: what is about to start, when, what would end it, and the start itself."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from tuitune.planning.preflight import Advice, Check
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.runs.directory import Run
from tuitune.runs.launcher import launch
from tuitune.text import clean
from tuitune.tui.screens.checking import Checking, fact
from tuitune.tui.start import when
from tuitune.tui.widgets.forecast import ADVICE_SIGNS
from tuitune.units import bytes_text, count_text, number_text


class LaunchDialog(Checking[Run]):
    """Gives the run that was started, or the errors that kept it from starting; None where it was left be."""

    VERB = "launch"
    DOING = "Starting …"
    NOT_DONE = "Not started."

    def __init__(self, recipe: Recipe, base: Path) -> None:
        super().__init__("Launch", recipe, base)

    def make(self) -> Run:
        return launch(self.recipe, base=self.base)

    def summary(self, found: Check) -> Content:
        recipe = self.recipe
        lines = [*_facts(recipe, found), fact("starts", when(recipe.hardware))]
        lines += [fact(name, text) for name, text in (("ends", _limits(recipe)), ("tells", recipe.run.notify)) if text]
        lines += [Content("")] if found.advice else []
        lines += [_advice(one) for one in found.advice]
        if not any(one.id == "ends-at-logout" for one in found.advice):
            lines.append(Content("\nThe run goes on when you leave tuitune or lose the connection.").stylize("$faint"))
        return Content("\n").join(lines)


def _advice(one: Advice) -> Content:
    sign, colour = ADVICE_SIGNS.get(one.level, ADVICE_SIGNS["info"])
    return Content.assemble((f"{sign} ", colour), clean(one.message))


def _facts(recipe: Recipe, found: Check) -> list[Content]:
    batch, accumulation = recipe.training.batch_size, recipe.training.accumulation
    rate = f"{number_text(recipe.training.learning_rate)}, {recipe.training.schedule}"
    held_out = show_value(setting("data.eval"), recipe.data.eval)
    memory = bytes_text(found.forecast.total) if found.forecast else "unknown until the model is downloaded"
    return [
        fact("run", recipe.run.name),
        fact("model", recipe.model.id),
        fact("data", recipe.data.train),
        fact("held out", held_out or "nothing"),
        fact("adapter", _adapter(recipe)),
        fact("steps of", f"{batch * accumulation} rows ({batch} × {accumulation}), {_length(recipe)}, rate {rate}"),
        fact("trains", f"{count_text(found.trainable)} of {count_text(found.total)} parameters in {memory}"),
    ]


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


def _limits(recipe: Recipe) -> str:
    """What ends the run before its last step, by its own recipe."""
    limits, patience = recipe.limits, recipe.evaluation.patience
    found = [
        f"after {limits.hours:g} h" if limits.hours else "",
        f"at {limits.until}" if limits.until else "",
        f"at a loss of {number_text(limits.loss)}" if limits.loss else "",
        f"when {limits.cost:g} is spent" if limits.cost else "",
        f"after {patience} evaluations without gain" if patience and recipe.data.eval is not None else "",
    ]
    return ", ".join(filter(None, found))
