"""Verbs on data sets: data split."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.data.making import make, recipe_of, tell
from tuitune.data.sources.rows import SourceError


def split(options: argparse.Namespace) -> int:
    """Write training and held-out rows to a folder, which is made where there is none."""
    folder = Path(options.output)
    recipe = recipe_of(options, [f"data.eval={options.eval}", f"run.seed={options.seed}"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(folder, f"cannot be made: {error.strerror or error}") from None
    outputs = {"train": folder / "train.jsonl", "held_out": folder / "heldout.jsonl"}
    tell(options, make(options, recipe, outputs))
    return 0
