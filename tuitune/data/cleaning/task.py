"""The task that cleans a recipe's data and says what each step does; nothing is written but the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuitune.data.cleaning.assembly import assemble
from tuitune.data.cleaning.wanted import Cleaning, Wanted
from tuitune.data.task_report import Report


def run(report: Report) -> dict[str, Any]:
    """`report.wanted` has `wanted`, the fields of `Wanted`, and `base`, where relative paths start."""
    asked = dict(report.wanted["wanted"])
    wanted = Wanted(**{**asked, "exclude": frozenset(asked["exclude"]), "cleaning": Cleaning(**asked["cleaning"])})
    return assemble(wanted, base=Path(report.wanted["base"]), preview=True, progress=report.progress).as_json()
