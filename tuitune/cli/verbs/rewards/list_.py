"""`tuitune rewards list`: the rewards that a recipe can name."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say_json, say_table
from tuitune.rewards import REWARDS


def arguments(parser: Parser) -> None:
    parser.take("--json")


def list_(options: argparse.Namespace) -> int:
    if options.json:
        say_json(
            [
                {"name": one.name, "gives": one.gives, "settings": [f"rewards.{name}" for name in one.settings]}
                for one in REWARDS.values()
            ]
        )
        return Exit.DONE
    rows = [(one.name, one.gives, ", ".join(f"rewards.{name}" for name in one.settings)) for one in REWARDS.values()]
    say_table(("REWARD", "GIVES", "SETTINGS"), rows)
    return Exit.DONE
