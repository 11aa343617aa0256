"""Runs with nothing in the place of anything: launcher, supervisor, engine with its imports, on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.faults.tools.engines import SIX_STEPS, Engines, log_tail
from tests.faults.tools.processes import recorded
from tests.runs.harness import wait_for
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.training import Step

T = TypeVar("T")
PATIENCE = 120.0


def recipe(folder: Path, **settings: Any) -> Recipe:
    """The six steps of the laboratory, whose model and rows lie in `folder`; keywords are recipe keys with `__` for the
    dot."""
    values = {**SIX_STEPS, "model.id": str(folder / "tiny"), "data.train": str(folder / "chats.jsonl")}
    values.update({key.replace("__", "."): value for key, value in settings.items()})
    return apply(Recipe(), [f"{key}={json.dumps(value)}" for key, value in values.items()])


def launch(engines: Engines, **settings: Any) -> Run:
    return launcher.launch(recipe(engines.folder, **settings))


def step(run: Run) -> int:
    """The newest step that was recorded; 0 before the first."""
    return (journal.last(run.metrics_file, Step) or Step()).step or 0


def until(run: Run, condition: Callable[[], T]) -> T:
    """The first true value of `condition`; fails with the run's log where it does not come, or the run ends before."""

    def looked() -> T | str:
        over = derive(run)[0] in AT_REST
        return condition() or ("over" if over else "")

    found = wait_for(looked, seconds=PATIENCE)
    assert not isinstance(found, str), (derive(run), log_tail(run))
    return found


def rest(run: Run) -> str:
    """Wait until no process is at work on the run; its state."""
    wait_for(lambda: derive(run)[0] in AT_REST and not recorded(run), seconds=PATIENCE)
    return derive(run)[0]
