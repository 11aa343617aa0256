"""The long work that the workbench has done: begun for a draft, or found where it is done or going on already."""

from __future__ import annotations

from pathlib import Path

from tuitune.data.scan import begin_scan
from tuitune.data.tasks import Task
from tuitune.planning.data_plan import clean_task, token_task
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.data import DataSection


def begin_work(kind: str, recipe: Recipe, data: DataSection, base: Path) -> Task:
    """Begin a scan of `data.train`, or cleaning or tokenizing what `recipe` trains on. TuituneError says why not."""
    if kind == "scan":
        return begin_scan(data.train, base=base, split=data.split, shape=data.shape, columns=data.columns)
    return clean_task(recipe, base) if kind == "clean" else token_task(recipe, base)
