"""Other data mixed into the training rows, by its share of the whole."""

from __future__ import annotations

from collections.abc import Mapping

from tuitune.data.preparation.data_spec import Item
from tuitune.data.preparation.split import draw_order
from tuitune.data.sources.rows import name_of
from tuitune.units import percent_text


def mixed(
    main: list[Item], others: Mapping[str, list[Item]], shares: Mapping[str, float], seed: int
) -> tuple[list[Item], list[str]]:
    """The main rows and those drawn from each other source, and notes on sources that have too few.

    With n main rows and shares s of the whole, n·s / (1 - Σs) rows make up a share. They are drawn by their content and
    the seed, so that the same data gives the same rows.
    """
    drawn, notes = list(main), []
    rest = 1 - sum(shares.values())
    for name, items in others.items():
        count = round(len(main) * shares[name] / rest)
        drawn += sorted(items, key=lambda item: draw_order(item.mark, seed))[:count]
        if count > len(items):
            share = len(items) / (len(main) / rest)
            notes.append(
                f"{name_of(name)} has {len(items):,} of the {count:,} rows that a share of "
                f"{percent_text(shares[name])} takes: all are used, {percent_text(share, 3)}"
            )
    return drawn, notes
