"""What verbs share that write a recipe file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser
from tuitune.cli.output import note, say
from tuitune.problem import TuituneError

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe


def writing_arguments(parser: Parser, *, required: bool) -> None:
    """`-o` and `--force`."""
    about = "the recipe to write; - for standard output"
    parser.add_argument("-o", "--output", metavar="FILE", required=required, help=about)
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def write(recipe: Recipe, output: str, *, force: bool) -> None:
    """Write a recipe whose paths start at the current folder to a file, or to standard output. TuituneError where the
    file is there, unless it is to be overwritten.
    """
    from tuitune.recipe import document
    from tuitune.runs.located import resolve_paths

    if output == "-":
        say(document.render(recipe, comments=True).rstrip("\n"))
        return
    target = Path(output)
    if target.exists() and not force:
        raise TuituneError(f"{target}: already exists; --force overwrites it")
    if target.absolute().parent != Path.cwd():
        recipe = resolve_paths(recipe, Path.cwd())
    document.write_text(target, document.render(recipe, comments=True))
    note(f"wrote {target}")


def run_name(file: str) -> str:
    """A run's name made from the name of a file; "" where nothing of it can be used."""
    return "" if file == "-" else re.sub(r"[^a-z0-9._-]+", "-", Path(file).stem.lower()).strip("-._")[:64]
