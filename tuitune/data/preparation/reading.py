"""Rows of a source read and converted; those that cannot be used are dropped and counted, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

from tuitune.data.detect import SAMPLE, Detection, recognise
from tuitune.data.preparation.assembled import Begun, DataRefused, Item, Say, StepReport, nothing_more
from tuitune.data.purpose import Purpose, refusal_of
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import Row, mark, name_of
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.rows.beside import Columns
from tuitune.rows.fields import RowProblem
from tuitune.rows.turns import without_learning
from tuitune.rows.unsaid import unread
from tuitune.shapes import doubt_of, to_canonical
from tuitune.text import clean

_NAMED = 5
_SAID_EVERY = 1000


class RowReader:
    """Reads the sources of one run and keeps count of what it drops on the way.

    With `preview`, rows for which the data would be refused are passed over and counted as found. `begun` is called
    with the first usable rows of the training data.
    """

    def __init__(
        self,
        recipe: Recipe,
        purpose: Purpose,
        base: Path | None,
        say: Say,
        *,
        begun: Begun = nothing_more,
        preview: bool = False,
    ) -> None:
        self.cleaning, self.purpose = recipe.cleaning, purpose
        self.base, self.say, self.begun, self.preview = base, say, begun, preview
        self.marks = frozenset(recipe.data.exclude)
        self.unlearned = recipe.data.unlearned_turns
        self.unusable = StepReport("unusable", "cleaning.unusable", "unusable rows")
        self.empty = StepReport("empty", "cleaning.empty", "an empty instruction or answer")
        self.excluded = StepReport("exclude", "data.exclude", "dropped by hand")
        self.unread: dict[str, None] = {}
        """What the first training rows say and nobody reads (`tuitune.rows.unsaid.unread`), in order."""

    @property
    def reports(self) -> list[StepReport]:
        dropped = self.cleaning.unusable == "drop"
        pairs = ((self.unusable, dropped), (self.empty, self.cleaning.empty), (self.excluded, bool(self.marks)))
        return [report for report, asked in pairs if asked or report.found]

    def read(
        self, key: str, name: str, *, shape: str, columns: Columns, split: str = "train", limit: int | None = None
    ) -> tuple[list[Item], Detection]:
        """The usable rows of a source and their shape. DataRefused names setting, rows and the way out.

        `key` is the setting that names the source.
        """
        with _blamed_on(key):
            rows = open_source(resolve(name, base=self.base), split=split, limit=limit)
            first = list(islice(rows, SAMPLE))
            found = recognise(first, shape, columns)
            opening = next((row.values for row in first if row.values is not None), None)
            if reason := refusal_of(found, self.purpose, opening):
                broken = "" if found.unreadable else _broken(first)
                raise DataRefused(Problem(key, f"{name_of(name)}: {broken}{reason}"))
            usable = self._usable(key, name, chain(first, rows), found)
            items = list(islice(usable, SAMPLE))
        if key == "data.train":
            self.begun(items)
        with _blamed_on(key):
            items += usable
        if not items:
            raise DataRefused(Problem(key, f"{name_of(name)}: no usable rows"))
        return items, found

    def _usable(self, key: str, name: str, rows: Iterator[Row], found: Detection) -> Iterator[Item]:
        refused: list[str] = []
        count = read = 0
        for row in rows:
            read += 1
            if read % _SAID_EVERY == 0:
                self.say(f"reading {name_of(name)}", read, None)
            marked = mark(row)
            if marked in self.marks:
                self.excluded.drop(row, name, reason="its mark is in data.exclude")
                continue
            try:
                if row.values is None:
                    raise RowProblem("", row.problem or "cannot be read", "unreadable")
                canonical = to_canonical(row.values, found.shape, found.columns)
                if marked in self.unlearned and "messages" in canonical:
                    turns = without_learning(canonical["messages"], self.unlearned[marked])
                    canonical = {**canonical, "messages": turns}
                if key == "data.train" and read <= SAMPLE:
                    self.unread |= dict.fromkeys(unread(row.values, found.columns, canonical))
                doubt = doubt_of(canonical, row.values, found.shape, found.columns)
                yield Item(name, row.number, row.line, row.file, marked, canonical, doubt)
            except RowProblem as problem:
                if self._passes_over(row, name, problem):
                    continue
                count += 1
                if len(refused) < _NAMED:
                    refused.append(f"{row.place}: {clean(str(problem), limit=300)}")
        for report in (self.unusable, self.empty, self.excluded):
            report.before += read
        if count:
            raise DataRefused(Problem(key, _refusal(name, found.shape, refused, count, read)))

    def _passes_over(self, row: Row, name: str, problem: RowProblem) -> bool:
        """Count the row as dropped, or in a preview as found; False where the data is refused for it."""
        empty = problem.kind == "empty"
        if empty and self.cleaning.empty:
            self.empty.drop(row, name, reason=str(problem))
        elif self.cleaning.unusable == "drop":
            self.unusable.drop(row, name, reason=str(problem))
        elif self.preview:
            (self.empty if empty else self.unusable).note(row, name, reason=str(problem))
        else:
            return False
        return True


@contextmanager
def _blamed_on(key: str) -> Iterator[None]:
    """What a source is refused for, as a problem of the setting that names it."""
    try:
        yield
    except DataRefused:
        raise
    except TuituneError as error:
        raise DataRefused([Problem(key, str(problem)) for problem in error.problems]) from None


def _broken(rows: list[Row]) -> str:
    broken = next((row for row in rows if row.values is None), None)
    return f"{broken.place}: {broken.problem}; " if broken else ""


def _refusal(name: str, shape: str, refused: list[str], count: int, read: int) -> str:
    more = f"; and {count - len(refused):,} more" if count > len(refused) else ""
    listed = "; ".join(refused)
    remedy = 'Fix them, or set cleaning.unusable = "drop"'
    return f"{name_of(name)}: unusable as {shape}: {count:,} of {read:,} rows: {listed}{more}. {remedy}"
