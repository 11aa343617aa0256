"""`tuitune new`: a recipe file, commented, from the defaults or a preset."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import presets
from tuitune.cli.exit_codes import Exit
from tuitune.cli.settings_help import settings_help
from tuitune.cli.verbs.recipe.writing import run_name, write, writing_arguments


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    about = "start from a preset, listed below"
    parser.add_argument("--preset", metavar="NAME", help=about, completer=presets)
    parser.take("--set")
    writing_arguments(parser, required=True)


def new(options: argparse.Namespace) -> int:
    from tuitune.recipe import overrides
    from tuitune.recipe.presets import apply_preset
    from tuitune.recipe.schema import Recipe

    named = [f"run.name={name}"] if (name := run_name(options.output)) else []
    recipe = apply_preset(Recipe(), options.preset) if options.preset else Recipe()
    recipe = overrides.apply(recipe, [*named, *options.overrides])
    write(recipe, options.output, force=options.force)
    return Exit.DONE
