"""The long work that the workbench has done: begun for a draft, or found where it is done or going on already."""

from __future__ import annotations

from pathlib import Path

from tuitune.data.scan import begin_scan
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import Task, begin
from tuitune.recipe.schema import DataSection, Recipe
from tuitune.tui.screens.workbench.bench import tables

MODULES = {"clean": "tuitune.data", "tokens": "tuitune.engine"}


def begin_work(kind: str, recipe: Recipe, data: DataSection, base: Path) -> Task:
    """Begin a scan of `data.train`, or cleaning or tokenizing what `recipe` trains on. TuituneError says why not."""
    if kind == "scan":
        return begin_scan(data.train, base=base, split=data.split, shape=data.shape, columns=data.columns)
    names = [data.train, *data.mix, *([data.eval] if isinstance(data.eval, str) else [])]
    stamps = [stamp(resolve(name, base=base)) for name in names]
    return begin(kind, {"recipe": tables(recipe, kind), "base": str(base)}, stamps, module=MODULES[kind])
