"""What `data clean`, `data convert` and `data split` share: files checked, a process started, its result told."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json, say_table
from tuitune.cli.task_progress import result_of
from tuitune.data.preparation.assembled import EXAMPLES
from tuitune.data.preparation.writing import ending, part_of
from tuitune.data.sources.names import resolve
from tuitune.data.sources.rows import SourceError
from tuitune.data.tasks import begin
from tuitune.recipe import overrides
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.runs.located import read_located
from tuitune.text import clean

_NAMED = 3
_UNREAD = tuple(one.key for one in settings() if one.entails.names and one.key != "data.eval")
"""Names in a recipe that these verbs do not go by."""


def recipe_of(options: argparse.Namespace, changes: Sequence[str] = ()) -> Recipe:
    """The recipe that decides on the rows: `--recipe` or the usual one, on IN, with `changes` and then `--set`.

    Nothing is mixed in; and nothing is held out, but data of its own that `--recipe` names.
    """
    recipe = given_recipe(options)
    held_out = recipe.data.eval if isinstance(recipe.data.eval, str) else ""
    tables = overrides.tables_of(recipe)
    tables["data"] = {**tables.get("data", {}), "train": options.source, "eval": held_out, "mix": {}}
    return overrides.apply(tables, [*changes, *options.overrides])


def given_recipe(options: argparse.Namespace, *, replaced: Sequence[str] = _UNREAD) -> Recipe:
    """The recipe that `--recipe` names, or the usual one; besides those of `--set`, some keys of it are `replaced`."""
    keys = [*replaced, *overrides.keys_of(options.overrides)]
    return read_located(options.recipe, replaced=keys) if options.recipe else Recipe()


def make(
    options: argparse.Namespace, recipe: Recipe, outputs: Mapping[str, Path], *, to: str = "", per_answer: bool = False
) -> dict[str, Any]:
    """Write the rows and give the result of the process that did. SourceError where a file cannot be written to."""
    for path in outputs.values():
        ending(path)
        check_place(path, options)
    once = uuid.uuid4().hex
    asked = {
        "recipe": recipe.model_dump(mode="json"),
        "base": str(Path.cwd()),
        "outputs": {side: str(path.absolute()) for side, path in outputs.items()},
        "to": to,
        "per_answer": per_answer,
        "force": options.force,
        "once": once,
    }
    try:
        return result_of(begin("make", asked), options.source)
    finally:
        for path in outputs.values():
            part_of(path, once).unlink(missing_ok=True)


def check_place(path: Path, options: argparse.Namespace) -> None:
    """SourceError where a file must not be written: over the data, over another file unasked, or nowhere."""
    if path.is_dir():
        raise SourceError(path, "is a folder; name a file")
    for source in resolve(options.source).paths:
        if path.exists() and path.samefile(source):
            raise SourceError(path, "is the data itself, which is never changed in place; name another file")
    if path.exists() and not options.force:
        raise SourceError(path, "already exists; --force overwrites it")
    if not path.parent.is_dir():
        raise SourceError(path, "there is no such folder")


def tell(options: argparse.Namespace, result: Mapping[str, Any]) -> int:
    """What every step did and what was written, as JSON or as a table with a few examples; the verb's exit code."""
    if options.json:
        say_json(result)
        return Exit.DONE
    steps = result["steps"]
    if steps:
        counts = ("before", "found", "dropped", "changed")
        rows = [[one["title"], *(f"{one[name]:,}" for name in counts)] for one in steps]
        say_table(["step", "rows", *counts[1:]], rows, right=[1, 2, 3, 4])
        say("")
    say_table(["file", "rows"], [[path, f"{count:,}"] for path, count in result["written"].items()], right=[1])
    for one in steps:
        examples = [example for example in one["examples"] if "reason" in example]
        for example in examples[:_NAMED]:
            note(clean(f"{one['title']}: {example['place']}: {example['reason']}", limit=400))
        if len(examples) > _NAMED:
            note(f"{one['title']}: {one['found'] - _NAMED:,} more; --json lists up to {EXAMPLES}")
    for line in result["notes"]:
        note(clean(line, limit=400))
    return Exit.DONE
