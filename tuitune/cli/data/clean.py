"""Verbs on data sets: data clean."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.data.making import make, recipe_of, save_report, tell
from tuitune.data.sources.rows import SourceError

USUAL = (
    "cleaning.unusable=drop",
    "cleaning.empty=true",
    "cleaning.whitespace=true",
    "cleaning.duplicates=true",
)
"""Steps taken where neither a recipe nor --set says which: those that lose nothing worth having."""


def clean(options: argparse.Namespace) -> int:
    """Write the rows that the steps leave, in the shape that they came in."""
    report = Path(options.report) if options.report else None
    if report and report.exists() and not options.force:
        raise SourceError(report, "exists already; --force writes over it")
    recipe = recipe_of(options, () if options.recipe else USUAL)
    result = make(options, recipe, {"train": Path(options.output)})
    if report:
        save_report(report, result)
    tell(options, result)
    return 0
