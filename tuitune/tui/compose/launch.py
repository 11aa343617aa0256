"""The last step before a run: what is about to start, when, what would end it, and the start itself.

Where rows might lose every label, and the tokenizer is here to tell, they are tokenized meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual import work
from textual.content import Content

from tuitune.data.tasks import Progress
from tuitune.planning.checks.labels import LABELS, label_check
from tuitune.planning.preflight import Check
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.runs.launcher import launch
from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.compose.checking import Checking, fact
from tuitune.tui.compose.forecast import advice_line
from tuitune.tui.widgets.bars import progress_bar
from tuitune.units import bytes_text, count_text, counted, number_text
from tuitune.views.start import when

_LOOK_SECONDS = 0.25
_BAR = 20


class LaunchDialog(Checking[Run]):
    """Gives the run that was started, or the errors that kept it from starting; None where it was left be.

    Nobody needs to wait for the labels: the run looks at them itself before it loads the model.
    """

    VERB, DOING, NOT_DONE = "launch", "Starting …", "Not started."

    def __init__(self, recipe: Recipe, base: Path, rows: int | None = None) -> None:
        super().__init__("Launch", recipe, base, rows)

    def show(self, summary: Content) -> None:
        super().show(summary)
        self._look_at_labels()

    @work(exit_on_error=False)
    async def _look_at_labels(self) -> None:
        """The work goes on when the dialog is left, and what it finds is kept for the next one."""
        try:
            task = await asyncio.to_thread(label_check, self.recipe, self.base)
        except TuituneError as error:
            self._tell_labels(Progress("failed", error=str(error)))
            return
        told = None
        while task is not None and (told is None or told.state == "working"):
            if (progress := await asyncio.to_thread(task.look)) != told:
                told = progress
                self._tell_labels(progress)
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell_labels(self, progress: Progress) -> None:
        if self.at_work:
            return
        if errors := [progress.error] if progress.refused else (progress.result or {}).get("errors"):
            lines = [Content.assemble(("✗ ", "$bad"), clean(str(error), limit=2000)) for error in errors]
            self.refuse(Content("\n").join(lines))
        else:
            self.note(_labels(progress))

    def make(self) -> Run:
        return launch(self.recipe, base=self.base)

    def summary(self, found: Check) -> Content:
        recipe = self.recipe
        lines = [*_facts(recipe, found), fact("starts", when(recipe.hardware))]
        lines += [
            fact(name, text) for name, text in (("ends", _limits(recipe)), ("notifies", recipe.run.notify)) if text
        ]
        lines += [Content("")] if found.advice else []
        lines += [advice_line(one) for one in found.advice if one.id != LABELS]
        if not any(one.id == "ends-at-logout" for one in found.advice):
            lines.append(
                Content("\nThe run keeps running when you quit tuitune or lose the connection.").stylize("$faint")
            )
        return Content("\n").join(lines)


def _labels(progress: Progress) -> Content:
    """Whether every row has something to learn from, or how far the look at them is."""
    name = "\n" + "labels".ljust(9)
    if progress.state == "failed":
        reason = f"⚠ not checked: {clean(progress.error, limit=300)}; the run checks them itself"
        return Content.assemble((name, "$faint"), (reason, "$warn"))
    if progress.state == "done":
        return Content.assemble((name, "$faint"), _lost(progress.result or {}))
    share = progress.done / progress.total if progress.total else 0.0
    figures = f" {progress.done:,} of {progress.total:,} {progress.unit} " if progress.total else " … "
    return Content.assemble(
        (name, "$faint"),
        clean(progress.text, limit=80),
        clean(figures),
        progress_bar(share, _BAR) if progress.total else "",
        ("\n" + " " * 9 + "Enter starts now: the run checks them itself", "$faint"),
    )


def _lost(result: Mapping[str, Any]) -> Content:
    lost = int(result.get("lost_count") or 0)
    warnings = [Content.assemble(("⚠ ", "$warn"), clean(str(one), limit=400)) for one in result.get("warnings", ())]
    if not lost and warnings:
        return Content("\n" + " " * 9).join(warnings)
    if not lost:
        return Content.assemble(("✓ ", "$ok"), "every row has labels")
    rows = ", ".join(f"{one['row']:,}" for one in result.get("lost", [])[:5])
    more = ", …" if lost > 5 else ""
    many, noun = (
        ("1 row has no labels and is", "row") if lost == 1 else (f"{lost:,} rows have no labels and are", "rows")
    )
    first = Content.assemble(("⚠ ", "$warn"), f"{many} skipped: {noun} {rows}{more}")
    return Content("\n" + " " * 9).join([first, *warnings])


def _facts(recipe: Recipe, found: Check) -> list[Content]:
    rows = "not counted yet" if found.rows is None else f"{found.rows:,} to train on"
    held_out = show_value(setting("data.eval"), recipe.data.eval)
    if held_out and found.held_out is not None:
        held_out = f"{found.held_out:,}"
    return [
        fact("run", recipe.run.name),
        fact("model", recipe.model.id),
        fact("data", recipe.data.train),
        fact("rows", f"{rows}, held out: {held_out or 'nothing'}"),
        fact("method", f"{_goal(recipe)} · {_adapter(recipe)}"),
        fact("steps", _steps(recipe, found)),
        fact("a step", _step(recipe)),
        fact("trains", _parameters(found)),
    ]


def _parameters(found: Check) -> str:
    if found.total is None or found.trainable is None:
        return f"unknown {'until the model is downloaded' if found.facts is None else f'for {found.unforecast}'}"
    memory = f" in {bytes_text(found.forecast.total)}" if found.forecast else ", memory unknown"
    return f"{count_text(found.trainable)} of {count_text(found.total)} parameters{memory}"


def _goal(recipe: Recipe) -> str:
    """The objective, with the β that it takes."""
    beta = f" β {recipe.beta:g}" if recipe.optimises.reads("objective.beta") else ""
    return f"{recipe.objective.kind}{beta}"


def _adapter(recipe: Recipe) -> str:
    targets = show_value(setting("adapter.targets"), recipe.adapter.targets)
    return recipe.method.described(recipe.adapter, targets, recipe.quantization.bits)


def _steps(recipe: Recipe, found: Check) -> str:
    training = recipe.training
    parts = [found.steps.phrase if found.steps else "not counted yet"]
    parts += [] if training.max_steps else [f"{training.epochs:g} epoch{'' if training.epochs == 1 else 's'}"]
    return ", ".join([*parts, f"rate {number_text(training.learning_rate)}", training.schedule])


def _step(recipe: Recipe) -> str:
    batch, accumulation, data = recipe.training.batch_size, recipe.training.accumulation, recipe.data
    if recipe.optimises.generates:
        asked, each = counted(recipe.prompts, "prompt"), recipe.objective.generations
        return f"{asked}, {each} answers each ({batch} × {accumulation})"
    rows = counted(batch * accumulation, "packed row" if recipe.packs else "row")
    length = f" of up to {data.max_length:,} tokens each" if recipe.packs else ""
    return f"{rows}{length} ({batch} × {accumulation})"


def _limits(recipe: Recipe) -> str:
    """What ends the run before its last step, by its own recipe."""
    limits, patience = recipe.limits, recipe.evaluation.patience
    found = [
        f"after {limits.hours:g} h" if limits.hours else "",
        f"at {limits.until}" if limits.until else "",
        f"at a loss of {number_text(limits.loss)}" if limits.loss else "",
        f"at a cost of {limits.cost:g}" if limits.cost else "",
        f"after {counted(patience, 'evaluation')} without improvement"
        if patience and recipe.data.eval is not None
        else "",
    ]
    return ", ".join(filter(None, found))
