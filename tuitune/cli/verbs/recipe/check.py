"""`tuitune check`: errors, advice and memory forecast of a recipe; exits 2 where a launch would be refused."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_json, add_recipe, add_set
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, say, say_json, say_pairs
from tuitune.cli.settings_help import settings_help
from tuitune.problem import TuituneError
from tuitune.units import bytes_text, count_text, percent_text

if TYPE_CHECKING:
    from tuitune.planning.preflight import Check


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    add_recipe(parser)
    add_set(parser)
    add_json(parser)


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

    try:
        recipe = given_recipe(options)
        found = preflight.check(recipe, base=Path.cwd(), online=True)
    except TuituneError as refusal:
        return preflight.Check(refusal.problems, [], None, None, None, None, None)
    errors, advice = ([], []) if found.errors else judge_labels(recipe)
    return replace(found, errors=[*found.errors, *errors], advice=[*found.advice, *advice])


def _say(report: Check) -> None:
    complain(report.errors)
    for advice in report.advice:
        say_pairs([(advice.level, f"{advice.key}: {advice.message}")])
    pairs = []
    if report.total is not None and report.trainable is not None:
        share = percent_text(report.trainable / report.total)
        pairs.append(
            ("trainable", f"{count_text(report.trainable)} of {count_text(report.total)} parameters ({share})")
        )
    if report.forecast is None and not report.errors:
        missing = "before the model is on this machine" if report.facts is None else "for this architecture"
        pairs.append(("memory", f"not known {missing}"))
    elif report.forecast is not None:
        parts = " + ".join(f"{name} {bytes_text(size)}" for name, size in report.forecast.parts.items() if size)
        pairs.append(("memory", f"about {bytes_text(report.forecast.total)}: {parts}"))
    say_pairs(pairs)
    say(f"{_verdict(report)}{_warned(report)}" if not report.errors else "refused: this recipe would not start")


def _verdict(report: Check) -> str:
    if report.forecast is None:
        return "no problem found; whether it fits in memory is not known"
    return "the recipe can be trained"


def _warned(report: Check) -> str:
    count = sum(advice.level == "warning" for advice in report.advice)
    return f", but read the {'warning' if count == 1 else f'{count} warnings'} above" if count else ""
