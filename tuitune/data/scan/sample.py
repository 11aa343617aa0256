"""Rows looked at closely, a sample where there are many: what languages they are in, what answers they give, and hints
of what should not be in them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tuitune.data.scan.decisions import about_people
from tuitune.data.scan.personal import personal_in

ROWS = 5_000
"""Rows that are looked at; of more, every second, fourth, … is."""

TEXTS = 1_000
"""Texts that are kept at most, for their languages; of more, every second, fourth, … is."""

NAMED = 20
"""Rows that are named for each hint."""

SHORT = 50
"""Characters below which an answer is short."""

LOST = "\N{REPLACEMENT CHARACTER}"
"""What stands for a character that was lost when the text was read in a wrong encoding."""

_TEXT_CHARACTERS = 400
_SHORT_ANSWER = 40
_DISTINCT = 1_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


class ScanSample:
    """What was seen in every `every`-th row; in none for 0."""

    def __init__(self, every: int = 1) -> None:
        self.every = every or sys.maxsize
        self.rows = 0
        self.texts: list[str] = []
        self._offered, self._kept_every = 0, 1
        self.short_answers: Counter[str] = Counter()
        self.hints: dict[str, Hint] = {}
        self.decisions = Hint()
        self.control = Hint()
        self.lost = Hint()
        self.short = Hint()

    @property
    def _noted(self) -> tuple[Hint, ...]:
        """What is noted of rows, but for hints of personal data."""
        return self.decisions, self.control, self.lost, self.short

    def wants(self, number: int) -> bool:
        """Whether the row with this number is one to look at."""
        return number % self.every == 0

    def add(self, canonical: Mapping[str, Any], number: int) -> None:
        asked, said = question_and_answer(canonical)
        self.rows += 1
        if self.rows == ROWS * self.every.bit_length():
            self.every *= 2
        whole = f"{asked}\n{said}"
        self._keep_text(whole[:_TEXT_CHARACTERS])
        if len(said) <= _SHORT_ANSWER and len(self.short_answers) < _DISTINCT:
            self.short_answers[said.strip()] += 1
        for kind in personal_in(whole):
            self.hints.setdefault(kind, Hint()).add(number)
        if about_people(whole):
            self.decisions.add(number)
        if not whole.replace("\n", "").isprintable() and _CONTROL.search(whole):
            self.control.add(number)
        if LOST in whole:
            self.lost.add(number)
        if len(said) < SHORT:
            self.short.add(number)

    def place(self, rows_before: int) -> None:
        """Say how many rows come before those seen here, which were numbered from 1."""
        for hint in (*self.hints.values(), *self._noted):
            hint.rows = [row + rows_before for row in hint.rows]

    def merge(self, later: ScanSample) -> None:
        self.rows += later.rows
        for text in later.texts:
            self._keep_text(text)
        self.short_answers.update(later.short_answers)
        for kind, hint in later.hints.items():
            self.hints.setdefault(kind, Hint()).merge(hint)
        for mine, theirs in zip(self._noted, later._noted, strict=True):
            mine.merge(theirs)

    def _keep_text(self, text: str) -> None:
        self._offered += 1
        if self._offered % self._kept_every == 0:
            self.texts.append(text)
        if len(self.texts) > TEXTS:
            self.texts = self.texts[1::2]
            self._kept_every *= 2


class Hint:
    """How many of the sampled rows have something, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.rows: list[int] = []

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.rows) < NAMED:
            self.rows.append(row)

    def merge(self, later: Hint) -> None:
        self.count += later.count
        self.rows = (self.rows + later.rows)[:NAMED]

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "rows": self.rows}


def question_and_answer(canonical: Mapping[str, Any]) -> tuple[str, str]:
    """The text of a row in canonical form: all that comes before the last answer, and that answer."""
    if "messages" in canonical:
        *before, last = canonical["messages"]
        return _written(before), str(last["content"])
    if "text" in canonical:
        return "", canonical["text"]
    return _written(canonical.get("prompt", "")), _written(canonical.get("chosen", canonical.get("completion", "")))


def _written(side: str | list[dict[str, Any]]) -> str:
    return side if isinstance(side, str) else "\n".join(turn["content"] for turn in side)
