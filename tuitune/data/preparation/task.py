"""The cleaning of a recipe's data as the process of a task: what each step does or would do; no rows are written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuitune.data.preparation.prepare import Assembled, prepare
from tuitune.data.shapes.purpose import Purpose
from tuitune.data.tasks import TaskReport
from tuitune.recipe.schema import Recipe


def run(report: TaskReport) -> dict[str, Any]:
    base = report.wanted.get("base")
    recipe, purpose = Recipe.model_validate(report.wanted["recipe"]), Purpose.from_json(report.wanted["purpose"])
    made = prepare(recipe, purpose=purpose, base=Path(base) if base else None, preview=True, progress=report.progress)
    return summary(made)


def summary(made: Assembled) -> dict[str, Any]:
    """What came of the rows, as JSON."""
    return {
        "steps": [asdict(step) for step in made.steps],
        "rows": len(made.train) + len(made.held_out),
        "train": len(made.train),
        "held_out": len(made.held_out),
        "notes": made.notes,
    }
