"""The long work that the workbench has done: begun for a draft, or found where it is done or going on already."""

from __future__ import annotations

from pathlib import Path

from tuitune.data.scan import begin_scan
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import Task, begin
from tuitune.recipe.schema import DataSection, Recipe
from tuitune.tui.screens.workbench.bench import sources, tables

MODULES = {"clean": "tuitune.data", "tokens": "tuitune.engine"}


def begin_work(kind: str, recipe: Recipe, data: DataSection, base: Path) -> Task:
    """Begin a scan of `data.train`, or cleaning or tokenizing what `recipe` trains on. TuituneError says why not."""
    if kind == "scan":
        return begin_scan(data.train, base=base, split=data.split, shape=data.shape, columns=data.columns)
    wanted = {"recipe": tables(recipe, kind), "base": str(base.absolute())}
    stamps = [stamp(resolve(name, base=base)) for name in sources(recipe)]
    return begin(kind, wanted, stamps, module=MODULES[kind])
