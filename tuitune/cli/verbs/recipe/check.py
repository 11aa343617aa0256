"""`tuitune check`: errors, advice and memory forecast of a recipe; exits 2 where a launch would be refused."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, say, say_json, say_pairs
from tuitune.cli.settings_help import settings_help
from tuitune.problem import TuituneError
from tuitune.units import bytes_text, count_text, percent_text

if TYPE_CHECKING:
    from tuitune.planning.preflight import Check


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    parser.take("recipe", "--set", "--json")


def check(options: argparse.Namespace) -> int:
    report = _examine(options)
    if options.json:
        say_json(report.as_json())
    else:
        _say(report)
    return Exit.REFUSED if report.errors else Exit.DONE


def _examine(options: argparse.Namespace) -> Check:
    """The recipe looked over; one that is wrong in itself is a report with nothing but its errors."""
    from tuitune.cli.launching import given_recipe, judge_labels
    from tuitune.planning import preflight
    from tuitune.planning.data_plan import known_tokens

    try:
        recipe = given_recipe(options)
        found = preflight.check(recipe, base=Path.cwd(), online=True)
    except TuituneError as refusal:
        return preflight.Check(refusal.problems, [], None, None, None, None, None)
    if found.errors:
        return found
    errors, advice = judge_labels(recipe)
    if tokens := known_tokens(recipe, Path.cwd()):
        found = replace(found, rows=tokens["kept"], held_out=tokens["held_out_kept"])
    news = [one for one in advice if one not in found.advice]
    return replace(found, errors=errors, advice=[*found.advice, *news])


def _say(report: Check) -> None:
    complain(report.errors)
    for advice in report.advice:
        say_pairs([(advice.level, f"{advice.key}: {advice.message}")])
    say_pairs(_pairs(report))
    say(_verdict(report))


def _pairs(report: Check) -> Iterator[tuple[str, str]]:
    if report.rows is not None:
        held_out = "" if report.held_out is None else f", {report.held_out:,} held out"
        yield "rows", f"{report.rows:,} to train on{held_out}"
    if report.total is not None and report.trainable is not None:
        share = percent_text(report.trainable / report.total)
        yield "trainable", f"{count_text(report.trainable)} of {count_text(report.total)} parameters ({share})"
    if report.forecast is not None:
        parts = " + ".join(f"{name} {bytes_text(size)}" for name, size in report.forecast.parts.items() if size)
        yield "memory", f"about {bytes_text(report.forecast.total)}: {parts}"
    elif not report.errors:
        yield (
            "memory",
            f"not known {f'for {report.unforecast}' if report.facts else 'before the model is on this machine'}",
        )


def _verdict(report: Check) -> str:
    if report.errors:
        return "refused: this recipe would not start"
    warnings = sum(advice.level == "warning" for advice in report.advice)
    read = f", but read the {'warning' if warnings == 1 else f'{warnings} warnings'} above" if warnings else ""
    if report.forecast is None:
        return f"no problem found; whether it fits in memory is not known{read}"
    return f"ready to train{read}"
