"""A data set looked through from end to end: its shape, its rows, and everything wrong with them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tuitune.data.detect import SAMPLE, UNKNOWN, Detection, recognise
from tuitune.data.scan.advice import PERSONAL, advise
from tuitune.data.scan.duplicates import Duplicates, repeats
from tuitune.data.scan.report import LISTED, DataProblem, Inspection
from tuitune.data.scan.tally import Reading, Tally, count_rows
from tuitune.data.sources.files import open_rows


def inspect(path: Path | str, *, shape: str = "auto", columns: Mapping[str, str] | None = None) -> Inspection:
    """Read a file to its end in this process, and report what can be counted.

    No row is looked at closely: what a report says from a sample comes from a scan alone.
    `shape` and `columns` as in a recipe: "auto" recognises the shape from the first rows. SourceError where the file
    gives no rows at all.
    """
    rows = open_rows(path)
    first = list(islice(rows, SAMPLE))
    found = recognise(first, shape, columns or {})
    fingerprints = array("q")
    reading = Reading(found.shape, found.columns, every=0)
    parts = count_rows(chain(first, rows), reading)
    total, problems = gather(parts, reading, lambda part, _: fingerprints.extend(part.fingerprints))
    return report(str(path), found, total, problems, repeats(fingerprints))


def gather(
    parts: Iterable[tuple[Tally, int]], reading: Reading, take: Callable[[Tally, int], Any]
) -> tuple[Tally, list[DataProblem]]:
    """The counts over all parts, and the first problems. `take` gets each part, for what is not gathered here."""
    total = Tally(reading)
    problems: list[DataProblem] = []
    for part, size in parts:
        take(part, size)
        problems += part.problems[: LISTED - len(problems)]
        total.merge(part)
    return total, problems


def report(
    path: str,
    found: Detection,
    total: Tally,
    problems: list[DataProblem],
    duplicates: Duplicates,
    languages: Mapping[str, float] | None = None,
) -> Inspection:
    """The report that the counts over all rows make."""
    count = total.kinds.total()
    languages = dict(languages or {})
    return Inspection(
        path=path,
        rows=total.rows,
        shape=found.shape,
        columns=found.columns,
        reason=found.reason,
        share=(total.rows - count) / total.rows if total.rows and found.shape != UNKNOWN else 0.0,
        problems=problems,
        problem_count=count,
        problem_kinds=dict(total.kinds.most_common()),
        duplicates=duplicates.count,
        duplicate_rows=duplicates.rows,
        characters=total.characters.as_json(),
        answers=total.answers.as_json(),
        turns={str(turns): rows for turns, rows in sorted(total.turns.items())},
        sampled=total.sample.rows,
        languages=languages,
        personal={kind: asdict(hint) for kind, hint in total.sample.hints.items() if kind in PERSONAL},
        advice=advise(total, duplicates.count, languages, found.unreadable),
    )
