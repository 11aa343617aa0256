"""Verbs on data sets: data split."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.data.making import given_recipe, make, recipe_of, tell
from tuitune.data.sources.rows import SourceError

_USUAL = 0.05
"""The share that is held out where nobody says."""


def split(options: argparse.Namespace) -> int:
    """Write training and held-out rows to a folder, which is made where there is none."""
    folder = Path(options.output)
    given = given_recipe(options)
    usual = given.data.eval if isinstance(given.data.eval, float) else _USUAL
    share, seed = (
        (usual if options.eval is None else options.eval),
        (options.seed, given.run.seed)[options.seed is None],
    )
    recipe = recipe_of(options, [f"data.eval={share}", f"run.seed={seed}"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(folder, f"cannot be made: {error.strerror or error}") from None
    outputs = {"train": folder / "train.jsonl", "held_out": folder / "heldout.jsonl"}
    tell(options, make(options, recipe, outputs))
    return 0
