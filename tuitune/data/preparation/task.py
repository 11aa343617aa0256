"""The processes of tasks over a recipe's data: `clean` says what each step does or would do, and `make` writes the rows
of `tuitune data clean`, `split` and `convert`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tuitune.data.preparation.assembled import Assembled, DataRefused, Item
from tuitune.data.preparation.prepare import prepare
from tuitune.data.preparation.texts import tidied_values
from tuitune.data.preparation.writing import TABLES, ending, write_rows
from tuitune.data.purpose import ANYTHING
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import mark, name_of
from tuitune.data.task_report import TaskReport
from tuitune.objectives.descriptor import Purpose
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.rows.turns import per_answer
from tuitune.shapes import SHAPES
from tuitune.shapes.shape import Writing

_HELD = {"text": "plain text", "messages": "a conversation", "prompt": "a prompt and completion"}
"""What a row holds, by a key of its canonical form."""


def clean(report: TaskReport) -> dict[str, Any]:
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


def make(report: TaskReport) -> dict[str, Any]:
    """Write `train`, and `held_out` where asked for, in the rows' own shape or the shape `to`: there of each answer a
    row where `per_answer`.
    """
    asked = report.wanted
    base, force, to = Path(asked["base"]), asked["force"], asked["to"]
    writing = SHAPES[to].written if to else None
    purpose = Purpose(f"the shape {to}", writing.teachings) if writing else ANYTHING
    recipe = Recipe.model_validate(asked["recipe"])
    made = prepare(recipe, purpose=purpose, base=base, progress=report.progress)
    written = {}
    for side, items in (("train", made.train), ("held_out", made.held_out)):
        if output := asked["outputs"].get(side):
            rows: Iterable[Mapping[str, Any]] = originals(items, recipe, made, base)
            if writing:
                rows = converted(apart(items) if asked["per_answer"] else items, to, writing)
                rows = map(_as_text, rows) if ending(Path(output)) in TABLES else rows
            report.progress("writing", 0, len(items))
            written[output] = write_rows(Path(output), rows, once=asked["once"], force=force)
    return {**summary(made), "shape": made.shape.shape, "written": written}


def originals(items: list[Item], recipe: Recipe, made: Assembled, base: Path) -> Iterator[dict[str, Any]]:
    """Rows as they lie in the training data, read once more; only texts that were tidied differ.

    DataRefused where the data has changed since it was read first.
    """
    data = recipe.data
    kept = {item.number: item.mark for item in items if item.source == data.train}
    for row in open_source(resolve(data.train, base=base), split=data.split, limit=data.limit):
        if (marked := kept.pop(row.number, None)) is None:
            continue
        if row.values is None or mark(row) != marked:
            kept[row.number] = marked
            break
        yield tidied_values(row.values, made.shape.columns.values()) if recipe.cleaning.whitespace else row.values
    if kept:
        raise DataRefused(Problem(name_of(data.train), f"row {min(kept)} changed while the data was read; try again"))


def apart(items: Iterable[Item]) -> Iterator[Item]:
    """Conversations as one for each answer that is learned, other rows as they are."""
    for item in items:
        row = item.canonical
        talks = [{**row, "messages": turns} for turns in per_answer(row.get("messages", []))]
        yield from (replace(item, canonical=one) for one in talks or [row])


def converted(items: Iterable[Item], to: str, writing: Writing) -> Iterator[Mapping[str, Any]]:
    """Rows in the shape `to`. DataRefused names the first row that it cannot hold."""
    for item in items:
        if not (rows := writing.rows(item.canonical)):
            held = next(what for key, what in _HELD.items() if key in item.canonical)
            remedy = writing.remedies.get(held, "train on it as it is")
            raise DataRefused(Problem("", f"{item.place}: {held} cannot be written as {to}; {remedy}"))
        yield from rows


def _as_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row as a table of text can hold it: one question and its answer are plain text."""
    match row:
        case {
            "prompt": [{"role": "user", "content": str() as asked}],
            "completion": [{"role": "assistant", "content": str() as answer, **more}],
            **others,
        } if not more and not others:
            return {"prompt": asked, "completion": answer}
    return row
