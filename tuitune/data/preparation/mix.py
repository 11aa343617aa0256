"""Other data mixed into the training rows, by its share of the whole."""

from __future__ import annotations

from collections.abc import Mapping

from tuitune.data.preparation.assembled import Item
from tuitune.data.preparation.split import draw_order
from tuitune.data.sources.rows import name_of
from tuitune.recipe.steps import mixed_rows
from tuitune.units import percent_text


def mixed(
    main: list[Item], others: Mapping[str, list[Item]], shares: Mapping[str, float], seed: int
) -> tuple[list[Item], list[str]]:
    """The main rows and those drawn from each other source, and notes on sources that have too few.

    They are drawn by their content and the seed, so that the same data gives the same rows.
    """
    drawn, notes = list(main), []
    for name, items in others.items():
        count = mixed_rows(len(main), shares[name], shares)
        drawn += sorted(items, key=lambda item: draw_order(item.mark, seed))[:count]
        if count > len(items):
            share = len(items) * (1 - sum(shares.values())) / len(main)
            notes.append(
                f"{name_of(name)} has {len(items):,} of the {count:,} rows that a share of "
                f"{percent_text(shares[name])} takes: all are used, {percent_text(share, 3)}"
            )
    return drawn, notes
