"""What commands print: aligned tables, one JSON document, problems on standard error; foreign text made inert."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tuitune.problem import Problem
from tuitune.text import clean, redact

Pairs = list[tuple[str, str]]
"""Labels and values, as `say_pairs` prints them."""


def say(*lines: str) -> None:
    """Print lines of our own or already cleaned text."""
    for line in lines:
        _write(sys.stdout, line)


def complain(problems: Iterable[Problem | str]) -> None:
    """One line a problem on standard error."""
    for problem in problems:
        _write(sys.stderr, f"tuitune: {clean(redact(str(problem)), newlines=True)}")


def note(line: str) -> None:
    """A message that is not the answer: to standard error."""
    _write(sys.stderr, line)


def say_json(document: Any) -> None:
    """One JSON document; only finite numbers, everything outside ASCII escaped, so that it is safe to look at."""
    say(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True))


def say_answer(as_json: bool, document: Any, *lines: str) -> None:
    """The document where JSON is wanted, else the lines."""
    if as_json:
        say_json(document)
    else:
        say(*lines)


def say_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Columns as wide as their widest cell; the columns numbered in `right` are right-aligned."""
    cells = [list(headings), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        aligned = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join(aligned).rstrip())


def say_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """`label   value` lines, the values in one column; values may have several lines."""
    pairs = [(label, clean(value, newlines=True)) for label, value in pairs]
    width = max((len(label) for label, _ in pairs), default=0)
    for label, value in pairs:
        say(f"{label.ljust(width)}  {value}".replace("\n", "\n" + " " * (width + 2)).rstrip())


def _write(stream: Any, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
