"""`tuitune train`: start a run of a recipe, and follow it to its end unless it is detached."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.follow import follow_started
from tuitune.cli.settings_help import settings_help


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    parser.take("recipe", "--set", "--detach", "--json")


def train(options: argparse.Namespace) -> int:
    from tuitune.cli.launching import given_recipe, launch

    return follow_started(launch(given_recipe(options)), options)
