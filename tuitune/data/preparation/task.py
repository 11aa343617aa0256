"""The cleaning of a recipe's data as the process of a task: what each step does or would do; no rows are written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuitune.data.preparation.prepare import Assembled, prepare
from tuitune.data.tasks import TaskReport
from tuitune.recipe.schema import Recipe


def run(report: TaskReport) -> dict[str, Any]:
    base = report.wanted.get("base")
    recipe, base = Recipe.model_validate(report.wanted["recipe"]), Path(base) if base else None
    return summary(prepare(recipe, purpose=recipe.optimises, base=base, preview=True, progress=report.progress))


def summary(made: Assembled) -> dict[str, Any]:
    """What came of the rows, as JSON."""
    return {
        "steps": [asdict(step) for step in made.steps],
        "rows": len(made.train) + len(made.held_out),
        "train": len(made.train),
        "held_out": len(made.held_out),
        "notes": made.notes,
    }
