"""`tuitune train`: start a run of a recipe, and follow it to its end unless it is detached."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_detach, add_json, add_recipe, add_set
from tuitune.cli.settings_help import settings_help


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    add_recipe(parser)
    add_set(parser)
    add_detach(parser)
    add_json(parser)


def train(options: argparse.Namespace) -> int:
    from tuitune.cli.attend import attend
    from tuitune.cli.launching import given_recipe, launch

    return attend(launch(given_recipe(options)), options)
