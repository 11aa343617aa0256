"""Verbs on data sets: data inspect."""

from __future__ import annotations

import argparse

from tuitune.cli.output import complain, say, say_json, say_pairs
from tuitune.data.scan.inspect import Inspection
from tuitune.data.scan.inspect import inspect as inspect_file
from tuitune.data.shapes.objectives import refusal
from tuitune.data.sources.names import resolve
from tuitune.problem import TuituneError


def inspect(options: argparse.Namespace) -> int:
    """One report a path; a path that cannot be read is complained of, and the others are still shown."""
    reports, refused = [], False
    for path in options.paths:
        try:
            reports.append(inspect_file(resolve(path).path or path))
        except TuituneError as error:
            complain(error.problems)
            refused = True
    if options.json and reports:
        documents = [report.as_json() for report in reports]
        say_json(documents[0] if len(options.paths) == 1 else documents)
    elif not options.json:
        for number, report in enumerate(reports):
            if number:
                say("")
            say_pairs(_pairs(report))
    return 2 if refused else 0


def _pairs(report: Inspection) -> list[tuple[str, str]]:
    pairs = [
        ("path", str(report.path)),
        ("rows", f"{report.rows:,}"),
        ("shape", f"{report.shape}: {report.reason}"),
        ("columns", ", ".join(f"{role} = {column}" for role, column in report.columns.items()) or "–"),
        ("duplicates", f"{report.duplicates:,}"),
        ("problems", f"{report.problem_count:,}"),
    ]
    if reason := refusal(report.shape):
        pairs.append(("training", f"not by sft: {reason}"))
    for problem in report.problems[:20]:
        where = f"row {problem.row}" + (f" (line {problem.line})" if problem.line else "")
        pairs.append(("", f"{where}{', ' + problem.field if problem.field else ''}: {problem.message}"))
    if report.problem_count > 20:
        pairs.append(("", f"… and {report.problem_count - 20:,} more; --json lists the first {len(report.problems)}"))
    return pairs
