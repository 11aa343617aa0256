"""Whether the data of a recipe can be trained on, judged by its first rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tuitune.data.scan.inspect import SAMPLE
from tuitune.data.shapes.convert import to_canonical
from tuitune.data.shapes.detect import recognise
from tuitune.data.shapes.objectives import refusal
from tuitune.data.shapes.turns import RowProblem
from tuitune.data.sources.names import open_rows, resolve
from tuitune.data.sources.rows import Row
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_SHOWN = 3


@dataclass
class DataCheck:
    """What the first rows told. `shape` and `rows` are of the training data; `rows` is None where there are more."""

    shape: str | None = None
    rows: int | None = None
    errors: list[Problem] = field(default_factory=list)


def check_data(recipe: Recipe, base: Path) -> DataCheck:
    """Look at the first rows of the training data, and of the held-out data where that is a source of its own.

    Hub data sets and parquet files are the engine's to look at.
    """
    data = recipe.data
    found = _check_source("data.train", data.train, recipe, base)
    if isinstance(data.eval, str):
        found.errors += _check_source("data.eval", data.eval, recipe, base).errors
    elif data.eval is not None and found.rows == 1 and not found.errors:
        found.errors.append(
            Problem("data.eval", "one row cannot be split; name a file of held-out rows, or leave data.eval empty")
        )
    return found


def _check_source(key: str, name: str, recipe: Recipe, base: Path) -> DataCheck:
    try:
        source = resolve(name, base=base)
        if source.path is None or source.format == "parquet":
            return DataCheck()
        limit = min(SAMPLE, recipe.data.limit or SAMPLE) if key == "data.train" else SAMPLE
        rows = list(islice(open_rows(source.path), limit + 1))
    except TuituneError as error:
        return DataCheck(errors=[Problem(key, str(problem)) for problem in error.problems])
    count = None if len(rows) > limit else len(rows)
    return _check_rows(key, rows[:limit], count, recipe)


def _check_rows(key: str, rows: list[Row], count: int | None, recipe: Recipe) -> DataCheck:
    found = recognise(rows, recipe.data.shape, recipe.data.columns)
    if reason := refusal(found.shape):
        broken = next((row for row in rows if row.values is None), None)
        first = f"row {broken.number}: {broken.problem}; " if broken else ""
        return DataCheck(found.shape, count, [Problem(key, f"{first}{reason}")])
    problems = [text for row in rows if (text := _row_problem(row, found.shape, found.columns))]
    if not problems:
        return DataCheck(found.shape, count)
    shown, more = "; ".join(problems[:_SHOWN]), len(problems) - _SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    opening = f"{len(problems)} of the first {len(rows)} rows cannot be used as {found.shape}"
    message = f"{opening}: {shown}{rest}. Mend or remove them"
    return DataCheck(found.shape, count, [Problem(key, message)])


def _row_problem(row: Row, shape: str, columns: dict[str, str]) -> str | None:
    place = f"row {row.number}" + (f" (line {row.line})" if row.line else "")
    if row.values is None:
        return f"{place}: {row.problem}"
    try:
        to_canonical(row.values, shape, columns)
    except RowProblem as problem:
        return f"{place}: {problem}"
    return None
