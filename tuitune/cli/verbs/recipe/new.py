"""`tuitune new`: a recipe file, commented, from the defaults or a preset."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import presets
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say
from tuitune.cli.settings_help import settings_help
from tuitune.problem import TuituneError


def arguments(parser: Parser) -> None:
    parser.appendix = settings_help
    about = "start from a preset, listed below"
    parser.add_argument("--preset", metavar="NAME", help=about, completer=presets)
    parser.take("--set")
    about = "the recipe to write; - for standard output"
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help=about)
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def new(options: argparse.Namespace) -> int:
    from tuitune.recipe import document, overrides
    from tuitune.recipe.presets import apply_preset
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.located import resolve_paths

    named = [f"run.name={name}"] if (name := _slug(options.output)) else []
    recipe = apply_preset(Recipe(), options.preset) if options.preset else Recipe()
    recipe = overrides.apply(recipe, [*named, *options.overrides])
    if options.output == "-":
        say(document.render(recipe, comments=True).rstrip("\n"))
        return Exit.DONE
    target = Path(options.output)
    if target.exists() and not options.force:
        raise TuituneError(f"{target}: already exists; --force overwrites it")
    if target.absolute().parent != Path.cwd():
        recipe = resolve_paths(recipe, Path.cwd())
    document.write_text(target, document.render(recipe, comments=True))
    note(f"wrote {target}")
    return Exit.DONE


def _slug(output: str) -> str:
    """A run's name made from the recipe's file name; "" where nothing of it can be used."""
    return "" if output == "-" else re.sub(r"[^a-z0-9._-]+", "-", Path(output).stem.lower()).strip("-._")[:64]
