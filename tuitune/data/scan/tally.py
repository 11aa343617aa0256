"""What is counted over every row: problems, lengths, turns, and a fingerprint of each to find the same row again."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tuitune.data.scan.lengths import Lengths
from tuitune.data.scan.report import DataProblem
from tuitune.data.scan.sample import Hints, ScanSample
from tuitune.data.sources.rows import Row, content_of
from tuitune.rows.fields import RowProblem
from tuitune.rows.plain import Measures
from tuitune.rows.unsaid import numbers, unread
from tuitune.shapes import SHAPES, doubt_of

UNREADABLE = 0
"""The fingerprint of rows that cannot be read, which are no duplicates of each other."""

MOST_PROBLEMS = 40_000
"""Problems of one tally that are kept in full; the rest are counted."""

_PART = 5_000


@dataclass(frozen=True)
class Reading:
    """What rows are read as; rows of no known shape, and those of images, are only counted. Every `every`-th row is
    looked at closely, for hints; none for 0. The files that rows of images name are looked for from `folder`; None
    where they lie elsewhere.
    """

    shape: str
    columns: dict[str, str] = field(default_factory=dict)
    every: int = 1
    folder: Path | None = None


class Tally:
    """Counts over rows that follow each other: they are added, then `close` makes the tally whole."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.rows = self.lines = 0
        self.problems: list[DataProblem] = []
        self.kinds: Counter[str] = Counter()
        self.characters, self.answers = Lengths(), Lengths()
        self.turns: Counter[int] = Counter()
        self.fingerprints = array("q")
        self.sample = ScanSample(reading.every)
        self.numbers, self.unread, self.doubts = Hints(), Hints(), Hints()
        self.labels: Counter[bool] = Counter()
        shape = SHAPES.get(reading.shape)
        self._shape = shape if shape and shape.read else None
        self._check = shape.check if shape else None
        self._marks: list[int] = []
        self._measured: list[int] = []
        self._numbers: list[int] = []
        self.add_plain = self._plain_adder()

    def add(self, row: Row) -> None:
        """Count one row."""
        if row.values is None:
            self._marks.append(UNREADABLE)
            self._note(DataProblem.of(row))
        elif not self.add_plain(row.values, row.number):
            self.add_values(row.values, row.number, row.line, row.file)

    def _plain_adder(self) -> Callable[[dict[str, Any], int], bool]:
        """What counts one row if a look tells that it is sound, and no more than a look is wanted; False where it is
        not. It is called for every row, so what it needs is at hand.
        """
        reading, sample = self.reading, self.sample
        measure = self._shape.measure_for(reading.columns) if self._shape else None
        if measure is None:
            return lambda values, number: False
        mark, keep, numbered = self._marks.append, self._measured.extend, self._numbers.append

        def add_plain(values: dict[str, Any], number: int) -> bool:
            if number % sample.every == 0 or (found := measure(values)) is None:
                return False
            mark(_fingerprint(values))
            keep(found)
            numbered(number)
            return True

        return add_plain

    def add_values(self, values: dict[str, Any], number: int, line: int | None, file: str | None) -> None:
        """Count one row that could be read, by converting it."""
        self._marks.append(_fingerprint(values))
        try:
            if self._check and self.reading.folder:
                self._check(values, self.reading.folder)
            if self._shape is None:
                return
            canonical = self._shape.convert(values, self.reading.columns)
        except RowProblem as problem:
            self._note(DataProblem.of(Row(number, line, values, file=file), problem))
            return
        columns = self.reading.columns
        self.numbers.add(numbers(values, columns), number)
        self.unread.add(unread(values, columns, canonical), number)
        self.doubts.add(filter(None, [doubt_of(canonical, values, self.reading.shape, columns)]), number)
        if "label" in canonical:
            self.labels[canonical["label"]] += 1
        self._measured.extend(measures(canonical))
        self._numbers.append(number)
        if number % self.sample.every == 0:
            self.sample.add(canonical, number)

    def close(self) -> None:
        """Count what was added. Nothing can be added after it."""
        self.fingerprints = array("q", self._marks)
        self.rows = len(self._marks)
        characters, answers, turns = (self._measured[first::3] for first in range(3))
        self.characters, self.answers = Lengths(characters, self._numbers), Lengths(answers, self._numbers)
        self.turns.update(turns)
        del self.add_plain, self._shape, self._check, self._marks, self._measured, self._numbers

    def place(self, rows_before: int, lines_before: int) -> None:
        """Say how many rows and lines come before those counted here, which were numbered from 1."""
        self.problems = [problem.placed(rows_before, lines_before) for problem in self.problems]
        for lengths in (self.characters, self.answers):
            lengths.longest_row += rows_before if lengths.longest_row else 0
        for hints in (self.sample.hints, self.numbers, self.unread, self.doubts):
            hints.place(rows_before)

    def merge(self, later: Tally) -> None:
        """Take in the counts over the rows that come next; not their problems and fingerprints, which are many."""
        self.rows += later.rows
        self.lines += later.lines
        self.kinds.update(later.kinds)
        self.characters.merge(later.characters)
        self.answers.merge(later.answers)
        self.turns.update(later.turns)
        self.sample.merge(later.sample)
        self.numbers.merge(later.numbers)
        self.unread.merge(later.unread)
        self.doubts.merge(later.doubts)
        self.labels.update(later.labels)

    def _note(self, problem: DataProblem) -> None:
        self.kinds[problem.kind] += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def count_rows(rows: Iterable[Row], reading: Reading) -> Iterator[tuple[Tally, int]]:
    """A tally of each part of rows that can only be read one after another, and the number of its rows."""
    rows = iter(rows)
    while True:
        tally = Tally(reading)
        for row in islice(rows, _PART):
            tally.add(row)
        tally.close()
        tally.place(0, 0)
        if not tally.rows:
            return
        yield tally, tally.rows


def measures(canonical: Mapping[str, Any]) -> Measures:
    """The measures of a row in canonical form; of a pair of answers the chosen one counts as the answer."""
    if (messages := canonical.get("messages")) is not None:
        characters = answer = 0
        for turn in messages:
            length = len(turn["content"])
            characters += length
            if turn["role"] == "assistant":
                answer = length
        answer = len(canonical.get("answer", "")) or answer
        return (characters, answer, len(messages))
    sides = [canonical[name] for name in ("text", "prompt", "chosen", "rejected", "completion") if name in canonical]
    said = next((canonical[name] for name in ("text", "chosen", "completion") if name in canonical), "")
    turns = sum(len(side) if isinstance(side, list) else 1 for side in sides)
    return (sum(map(_length, sides)), _length(said), turns - ("rejected" in canonical))


def _length(side: str | list[dict[str, Any]]) -> int:
    return len(side) if isinstance(side, str) else sum(len(turn["content"]) for turn in side)


def _fingerprint(values: dict[str, Any]) -> int:
    """64 bits of the row's content; the same in this process and those it forks."""
    return hash(content_of(values)) or 1
