"""Verbs on data sets: data convert."""

from __future__ import annotations

import argparse
from pathlib import Path

from tuitune.cli.data.making import make, recipe_of, tell


def convert(options: argparse.Namespace) -> int:
    """Write the rows in another shape, as training takes them."""
    tell(options, make(options, recipe_of(options), {"train": Path(options.output)}, to=options.to))
    return 0
