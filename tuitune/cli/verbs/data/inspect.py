"""`tuitune data inspect`: shape, counts, problem rows and advice, a report a data set."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, say, say_json, say_pairs
from tuitune.cli.task_progress import result_of
from tuitune.data.scan import begin_scan
from tuitune.data.scan.fit import advice_for
from tuitune.data.scan.report import DataProblem, Inspection
from tuitune.objectives import TRAINED
from tuitune.problem import TuituneError
from tuitune.shapes import READABLE
from tuitune.units import percent_text

_SHOWN = 20
_ALIKE = 3
"""Problems that are shown where every row has one, and of one kind."""

_NAMED = 5


def arguments(parser: Parser) -> None:
    about = "files, folders, https addresses, bundled sets or Hub data sets"
    parser.add_argument("paths", metavar="PATH", nargs="+", help=about)
    about = "how rows are read: %(choices)s (default: auto)"
    parser.add_argument("--shape", metavar="SHAPE", choices=("auto", *READABLE), default="auto", help=about)
    parser.add_argument(
        "--columns",
        metavar="ROLE=COLUMN",
        type=_role,
        nargs="+",
        action="extend",
        default=[],
        help="which column plays which role, such as prompt=question completion=answer",
    )
    about = "what the rows are for: %(choices)s (default: sft)"
    parser.add_argument("--objective", metavar="OBJECTIVE", choices=tuple(TRAINED), default="sft", help=about)
    parser.add_argument("--split", default="train", help="the split of a Hub data set (default: train)")
    parser.add_argument("--model", metavar="M", help="count tokens with this model's tokenizer")
    parser.take("--json")


def inspect(options: argparse.Namespace) -> int:
    """One report a path; a path that cannot be read is complained of, and the others are still shown."""
    reports, refused = [], False
    for path in options.paths:
        try:
            reports.append(_inspected(path, options))
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
    return Exit.REFUSED if refused else Exit.DONE


def _inspected(path: str, options: argparse.Namespace) -> Inspection:
    columns = dict(options.columns)
    task = begin_scan(path, base=Path.cwd(), split=options.split, shape=options.shape, columns=columns)
    found = Inspection.from_json(result_of(task, path))
    found = replace(found, advice=advice_for(TRAINED[options.objective], found.shape, found.advice))
    return _with_tokens(found, path, options) if options.model else found


def _with_tokens(found: Inspection, path: str, options: argparse.Namespace) -> Inspection:
    """The report with what the usable rows come to as tokens of a model."""
    from tuitune.planning.data_plan import token_task
    from tuitune.recipe.schema import Recipe

    read = {"split": options.split, "shape": options.shape, "columns": dict(options.columns)}
    data = {"train": path, "eval": None, **read}
    tables = {"model": {"id": options.model}, "data": data, "cleaning": {"unusable": "drop"}}
    try:
        recipe = Recipe.model_validate(tables)
    except ValueError as error:
        raise TuituneError(f"{path}: cannot be tokenized: {error}") from None
    tokens = result_of(token_task(recipe, Path.cwd()), path)
    lengths = {**tokens["lengths"], "longest": tokens["longest"], "tokens": tokens["tokens"]}
    return replace(found, lengths=lengths, trained_share=tokens["trained_share"])


def _pairs(report: Inspection) -> Iterator[tuple[str, str]]:
    yield "path", report.path
    yield "rows", f"{report.rows:,}"
    yield "shape", f"{report.shape}: {report.reason}"
    yield "columns", ", ".join(f"{role} = {column}" for role, column in report.columns.items()) or "–"
    yield "fit", f"{100 * report.share:.4g} % of the rows"
    yield "duplicates", f"{report.duplicates:,}{_repeats(report)}"
    if report.turns:
        yield "characters", _lengths(report.characters)
        yield "answers", _lengths(report.answers)
        yield "turns", ", ".join(f"{turns} in {rows:,}" for turns, rows in list(report.turns.items())[:8])
    if report.languages:
        yield "languages", ", ".join(f"{code} {percent_text(share, 3)}" for code, share in report.languages.items())
    if report.lengths:
        yield "tokens", f"{report.lengths['tokens']:,}, longest row {report.lengths['longest']:,}"
        yield "trained", f"{100 * (report.trained_share or 0):.3g} % of the tokens"
    for number, one in enumerate(report.advice):
        yield "" if number else "advice", f"{'⚠' if one['level'] == 'warning' else '·'} {one['message']}"
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in report.problem_kinds.items())
    yield "problems", f"{report.problem_count:,}{f' ({kinds})' if kinds else ''}"
    shown = _ALIKE if len(report.problem_kinds) == 1 and report.problem_count == report.rows else _SHOWN
    for problem in report.problems[:shown]:
        yield "", _problem(problem)
    if (more := report.problem_count - shown) > 0:
        yield "", f"… and {more:,} more; --json lists the first {len(report.problems)}"


def _problem(problem: DataProblem) -> str:
    inside = [problem.file] if problem.file else []
    inside += [f"line {problem.line}"] if problem.line else []
    where = f"row {problem.row}" + (f" ({', '.join(inside)})" if inside else "")
    return f"{where}{', ' + problem.field if problem.field else ''}: {problem.message}"


def _repeats(report: Inspection) -> str:
    named = ", ".join(f"{later:,} repeats {earlier:,}" for later, earlier in report.duplicate_rows[:_NAMED])
    return f" (row {named}{', …' if report.duplicates > _NAMED else ''})" if named else ""


def _lengths(lengths: dict[str, Any]) -> str:
    return f"median {lengths['median']:,}, longest {lengths['longest']:,} (row {lengths['longest_row']:,})"


def _role(text: str) -> tuple[str, str]:
    """A role and the column that plays it: `prompt=question`."""
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise argparse.ArgumentTypeError(f"expected a role and its column, such as prompt=question, found {text}")
    return name, column
