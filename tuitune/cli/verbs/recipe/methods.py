"""`tuitune methods`: how weights can be adapted, and what each method does not go with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import methods as method_names
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json, say_pairs, say_table

if TYPE_CHECKING:
    from tuitune.methods import Method


def arguments(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="METHOD", help="one of them, with reasons", completer=method_names)
    parser.take("--json")


def methods(options: argparse.Namespace) -> int:
    from tuitune.methods import METHODS
    from tuitune.problem import TuituneError

    if options.name is not None and options.name not in METHODS:
        raise TuituneError(f"there is no method {options.name!r}; `tuitune methods` lists them")
    chosen = [METHODS[options.name]] if options.name else list(METHODS.values())
    if options.json:
        say_json([_as_json(method) for method in chosen])
    elif options.name:
        _say_one(chosen[0])
    else:
        _say_all(chosen)
    return Exit.DONE


def _say_all(listed: list[Method]) -> None:
    from tuitune.recipe.support import lacks

    offered = [one for one in listed if not one.support.unavailable]
    rows = [(one.name, ", ".join(what for what, why in lacks(one.support).items() if why), one.does) for one in offered]
    say_table(("METHOD", "NOT WITH", "IS"), rows)
    say("")
    barred = [one for one in listed if one.support.unavailable]
    say_table(("NOT OFFERED", "WHY"), [(one.name, one.support.unavailable) for one in barred])
    note("`tuitune methods METHOD` says why one does not go with something")


def _say_one(method: Method) -> None:
    from tuitune.recipe.sections.adapter import AdapterSection
    from tuitune.recipe.support import lacks

    support = method.support
    say(f"{method.title} {method.does}.")
    if support.unavailable:
        say(f"Not offered: {support.unavailable}.")
        return
    if starts := method.starts(AdapterSection(method=method.name)):
        say(f"Training does not begin with the base: {starts}.")
    say_pairs((f"{'not' if why else 'goes'} with {what}", why) for what, why in lacks(support).items())


def _as_json(method: Method) -> dict[str, Any]:
    """The keys of `--json`; `reasons` says of each circumstance that it does not go with why not."""
    from tuitune.recipe.support import lacks

    support = method.support
    found = lacks(support)
    return {
        "name": method.name,
        "title": method.title,
        "works": not support.unavailable,
        "reason": support.unavailable or None,
        "goes_with": [] if support.unavailable else [what for what, why in found.items() if not why],
        "reasons": {what: why for what, why in found.items() if why},
    }
