"""What a scan says about a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tuitune.data.sources.rows import Row, mark
from tuitune.rows.fields import RowProblem

LISTED = 100
"""Problems in the report itself; a scan's folder has the rest."""

_WORDS = {"UTF-8": "encoding", "surrogate": "encoding", "nested": "too-deep", "expected an object": "type"}


@dataclass(frozen=True)
class DataProblem:
    """What is wrong with one row. `row` and `line` count from 1; `line` is None where unknown, `field` may be "".

    `file` names the file where the source has several. `kind` is one of unreadable, encoding, type, missing, empty,
    role-order, no-answer, tools, vision, too-deep and other. `mark` stands for the row's content, as in `data.exclude`.
    """

    row: int
    line: int | None
    field: str
    message: str
    file: str | None = None
    kind: str = ""
    mark: str = ""

    @classmethod
    def of(cls, row: Row, problem: RowProblem | None = None) -> DataProblem:
        """The problem with a row: with what is in it, or that it cannot be read."""
        if problem:
            return cls(row.number, row.line, problem.field, problem.message, row.file, problem.kind, mark(row))
        message = row.problem or "cannot be read"
        kind = next((kind for word, kind in _WORDS.items() if word in message), "unreadable")
        return cls(row.number, row.line, "", message, row.file, kind)

    def placed(self, rows_before: int, lines_before: int) -> DataProblem:
        """The same problem, of a row numbered from the beginning of a part: with its place in the whole, and a mark."""
        line = None if self.line is None else self.line + lines_before
        row = Row(self.row + rows_before, line, None, self.message)
        return replace(self, row=row.number, line=line, mark=self.mark or mark(row))


@dataclass(frozen=True)
class Inspection:
    """The report on a source.

    `share` is the share of rows that fit the shape, 0 to 1. `problems` are the first hundred of `problem_count`,
    `problem_kinds` counts all by kind. `duplicates` counts rows equal to an earlier one, `duplicate_rows` names the
    first of them with the row that each repeats.

    `characters` and `answers` describe the length of a row's text and of its last answer: `edges` and `counts` of a
    histogram, `median`, `longest` and `longest_row`. `turns` counts rows by their number of turns. `languages` (code →
    share), `personal` (kind → count and first rows) and the `advice` that rests on them come from `sampled` rows.
    """

    path: str
    rows: int
    shape: str
    columns: dict[str, str]
    reason: str
    share: float = 0.0
    problems: list[DataProblem] = field(default_factory=list)
    problem_count: int = 0
    problem_kinds: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    duplicate_rows: list[tuple[int, int]] = field(default_factory=list)
    near_duplicates: int | None = None
    characters: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    sampled: int = 0
    languages: dict[str, float] = field(default_factory=dict)
    personal: dict[str, dict[str, Any]] = field(default_factory=dict)
    advice: list[dict[str, str]] = field(default_factory=list)
    lengths: dict[str, Any] | None = None
    trained_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys of `tuitune data inspect --json`; measures that need a tokenizer, or were not made, are null."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Inspection:
        """The report that `as_json` made a document of."""
        problems = [DataProblem(**problem) for problem in document["problems"]]
        pairs = [(later, earlier) for later, earlier in document["duplicate_rows"]]
        return cls(**{**document, "problems": problems, "duplicate_rows": pairs})
