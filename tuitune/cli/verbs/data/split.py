"""`tuitune data split`: training and held-out rows, told apart by their content."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.arguments import Parser
from tuitune.cli.verbs.data import add_source
from tuitune.data.sources.rows import SourceError


def arguments(parser: Parser) -> None:
    parser.add_argument("--eval", metavar="SHARE", type=float, help="share held out (default: the recipe's, or 0.05)")
    parser.add_argument("--seed", metavar="N", type=int, help="seed that picks the rows (default: the recipe's, or 42)")
    add_source(parser)
    about = "the folder for train.jsonl and heldout.jsonl"
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help=about)


def split(options: argparse.Namespace) -> int:
    """Write training and held-out rows to a folder, which is made where there is none."""
    from tuitune.cli.verbs.data.preparation import given_recipe, make, recipe_of, tell
    from tuitune.recipe.settings import setting

    folder = Path(options.output)
    given = given_recipe(options)
    usual = given.data.eval if isinstance(given.data.eval, float) else setting("data.eval").default
    share = usual if options.eval is None else options.eval
    seed = given.run.seed if options.seed is None else options.seed
    recipe = recipe_of(options, [f"data.eval={share}", f"run.seed={seed}"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(folder, f"cannot be made: {error.strerror or error}") from None
    outputs = {"train": folder / "train.jsonl", "held_out": folder / "heldout.jsonl"}
    return tell(options, make(options, recipe, outputs))
