"""What a recipe asks of its data, in the words of the room that sees to it."""

from __future__ import annotations

from tuitune.data.cleaning.wanted import Wanted
from tuitune.recipe.schema import Recipe


def wanted(recipe: Recipe) -> Wanted:
    """What `tuitune.data.cleaning.assembly.assemble` takes, from a recipe."""
    return Wanted.from_tables(recipe.model_dump())
