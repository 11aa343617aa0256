"""The rows of a source that can be trained on, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from tuitune.data.cleaning.items import Item, StepReport
from tuitune.data.cleaning.wanted import Cleaning
from tuitune.data.shapes.detect import Detection, recognise
from tuitune.data.shapes.fields import RowProblem
from tuitune.data.shapes.objectives import Objective, convert_for, refusal
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import Row, mark
from tuitune.problem import Problem, TuituneError

SAMPLE = 200
"""Rows that the shape is recognised from."""

_NAMED = 5

Progress = Callable[[str, int, int | None], object]


class DataRefused(TuituneError):  # noqa: N818
    """Data that cannot be trained on as the recipe wants it; the message names rows and fields, and the way out."""


@dataclass
class Gathered:
    """The usable rows of a source, its shape, how many rows it has, and what was dropped in making rows of it."""

    items: list[Item]
    shape: Detection
    rows: int
    steps: list[StepReport]


def gather(
    name: str,
    cleaning: Cleaning,
    *,
    objective: Objective = "sft",
    base: Path | None = None,
    split: str = "train",
    shape: str = "auto",
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    exclude: frozenset[str] = frozenset(),
    refuse: bool = True,
    progress: Progress = lambda text, done, total: None,
) -> Gathered:
    """Read a source and make its rows into what the objective's trainer takes.

    Rows of a mark in `exclude` are left out before anything is asked of them. DataRefused where the objective cannot
    take the shape, where unusable rows are to be refused (unless `refuse` is off), and where no row is left.
    """
    stream = _counted(open_source(resolve(name, base=base), split=split, limit=limit), f"reading {name}", progress)
    first = list(islice(stream, SAMPLE))
    found = recognise(first, shape, columns or {})
    if reason := refusal(found.shape, objective):
        raise DataRefused(Problem(name, reason))
    left_out = StepReport("exclude", "data.exclude", "left out by hand", 0)
    empty = StepReport("empty", "cleaning.empty", "empty instruction or answer", 0)
    unusable = StepReport("unusable", "cleaning.unusable", "unusable rows", 0)
    convert, items, rows = convert_for(objective), [], 0
    for row in chain(first, stream):
        rows += 1
        marked = mark(row)
        if marked in exclude:
            left_out.find(_example(row, "left out by its mark"))
            continue
        try:
            if row.values is None:
                raise RowProblem("", row.problem or "cannot be read", "unreadable")
            items.append(
                Item(name, row.number, row.line, row.file, marked, convert(row.values, found.shape, found.columns))
            )
        except RowProblem as problem:
            (empty if problem.kind == "empty" else unusable).find(_example(row, str(problem)))
    steps = _settled(left_out, empty, unusable, cleaning, rows)
    if refuse and (broken := [step for step in steps if step.found and not step.dropped]):
        raise DataRefused(Problem(name, _refusal(broken, rows)))
    if not items:
        raise DataRefused(Problem(name, _none_left(steps, rows)))
    return Gathered(items, found, rows, steps)


def _counted(rows: Iterator[Row], text: str, progress: Progress) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count % 1000 == 1:
            progress(text, count, None)
        yield row


def _settled(
    left_out: StepReport, empty: StepReport, unusable: StepReport, cleaning: Cleaning, rows: int
) -> list[StepReport]:
    left_out.before, left_out.dropped = rows, left_out.found
    unusable.before = rows - left_out.found
    unusable.dropped = unusable.found if cleaning.unusable == "drop" else 0
    empty.before = unusable.before - unusable.found
    empty.dropped = empty.found if cleaning.empty or cleaning.unusable == "drop" else 0
    return [left_out, unusable, empty]


def _example(row: Row, reason: str) -> dict[str, object]:
    values = "" if row.values is None else "\n".join(f"{name}: {value}" for name, value in row.values.items())
    return {"row": row.number, "place": row.place, "before": values[:2000], "reason": reason}


def _refusal(broken: list[StepReport], rows: int) -> str:
    count = sum(step.found for step in broken)
    named = [example for step in broken for example in step.examples]
    named.sort(key=lambda example: example["row"])
    shown = "; ".join(f"{example['place']}: {example['reason']}" for example in named[:_NAMED])
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    remedy = 'Mend them, leave them out, or drop them with cleaning.unusable = "drop"'
    return f"{count:,} of {rows:,} rows cannot be used: {shown}{more}. {remedy}"


def _none_left(steps: list[StepReport], rows: int) -> str:
    why = ", ".join(f"{step.found:,} {step.title}" for step in steps if step.found)
    example = next((example for step in steps for example in step.examples), None)
    first = f"; {example['place']}: {example['reason']}" if example else ""
    return f"none of its {rows:,} rows is left to train on ({why or 'it has no rows'}){first}"
