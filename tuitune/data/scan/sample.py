"""Rows looked at closely, a sample where there are many: what languages they are in, what answers they give, and hints
of what should not be in them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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

_WORK = ("applicant", "candidate", "résumé", "curriculum vitae")
_MONEY = ("borrower", "loan application", "credit score", "tenant", "claimant")
_LAW = ("inmate", "defendant", "offender", "parole", "asylum")
_PEOPLE = (*_WORK, *_MONEY, *_LAW, "patient")
_CHOOSING = (" hire", "hiring", "recruit", "shortlist", "screening", "triage", "prioriti")
_GRANTING = ("approve", "approval", " grant", "admit", "admission", "eligib", "creditworth")
_REFUSING = ("reject", "deny", "denied", "denial", "recidivism")
_DECISIONS = (*_CHOOSING, *_GRANTING, *_REFUSING)


class ScanSample:
    """What was seen in every `every`-th row; in none for 0. `hints` are kinds of personal data (`personal_in`), and
    "people" (decisions about them), "control" (characters), "lost" (characters) and "short" (answers).
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every or sys.maxsize
        self.rows = 0
        self.texts: list[str] = []
        self._offered, self._kept_every = 0, 1
        self.short_answers: Counter[str] = Counter()
        self.hints = Hints()

    def add(self, canonical: Mapping[str, Any], number: int) -> None:
        asked, said = question_and_answer(canonical)
        self.rows += 1
        if self.rows == ROWS * self.every.bit_length():
            self.every *= 2
        whole = f"{asked}\n{said}"
        self._keep_text(whole[:_TEXT_CHARACTERS])
        if len(said) <= _SHORT_ANSWER and len(self.short_answers) < _DISTINCT:
            self.short_answers[said.strip()] += 1
        self.hints.add(personal_in(whole), number)
        control = not whole.replace("\n", "").isprintable() and _CONTROL.search(whole)
        seen = {"people": about_people(whole), "control": control, "lost": LOST in whole, "short": len(said) < SHORT}
        self.hints.add((kind for kind, is_so in seen.items() if is_so), number)

    def merge(self, later: ScanSample) -> None:
        self.rows += later.rows
        for text in later.texts:
            self._keep_text(text)
        self.short_answers.update(later.short_answers)
        self.hints.merge(later.hints)

    def _keep_text(self, text: str) -> None:
        self._offered += 1
        if self._offered % self._kept_every == 0:
            self.texts.append(text)
        if len(self.texts) > TEXTS:
            self.texts = self.texts[1::2]
            self._kept_every *= 2


@dataclass
class Hint:
    """How many rows have something, and the first of them."""

    count: int = 0
    rows: list[int] = field(default_factory=list)


class Hints(dict[str, Hint]):
    """What was seen in rows, by what it is."""

    def add(self, names: Iterable[str], row: int) -> None:
        """Note all this of a row."""
        for name in names:
            hint = self.setdefault(name, Hint())
            hint.count += 1
            if len(hint.rows) < NAMED:
                hint.rows.append(row)

    def place(self, rows_before: int) -> None:
        """Say how many rows come before those seen here, which were numbered from 1."""
        for hint in self.values():
            hint.rows = [row + rows_before for row in hint.rows]

    def merge(self, later: Hints) -> None:
        """Take in what was seen in the rows that come next."""
        for name, theirs in later.items():
            mine = self.setdefault(name, Hint())
            mine.count += theirs.count
            mine.rows = (mine.rows + theirs.rows)[:NAMED]


def about_people(text: str) -> bool:
    """Whether a text is about deciding over people (whom to hire, lend to, admit, release or treat first): it names, in
    English, both somebody to be decided about and a decision.
    """
    lower = text.lower()
    return any(word in lower for word in _PEOPLE) and any(word in lower for word in _DECISIONS)


def question_and_answer(canonical: Mapping[str, Any]) -> tuple[str, str]:
    """The text of a row in canonical form: all that comes before the last answer, and that answer."""
    if "messages" in canonical:
        *before, last = canonical["messages"]
        if last["role"] != "assistant":
            return _written(canonical["messages"]), canonical.get("answer", "")
        return _written(before), str(last["content"])
    if "text" in canonical:
        return "", canonical["text"]
    return _written(canonical.get("prompt", "")), _written(canonical.get("chosen", canonical.get("completion", "")))


def _written(side: str | list[dict[str, Any]]) -> str:
    return side if isinstance(side, str) else "\n".join(turn["content"] for turn in side)
