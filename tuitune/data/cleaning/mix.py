"""Other data mixed into the training rows, each with its share of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuitune.data.cleaning.items import Item
from tuitune.data.cleaning.split import drawn


def counts(rows: int, mix: Mapping[str, float]) -> dict[str, int]:
    """Rows of each other source beside `rows` of the main one, so that each has its share of all together.

    With n main rows and shares s, the whole has n / (1 − Σ s) rows.
    """
    whole = rows / (1 - sum(mix.values()))
    return {name: max(1, round(whole * share)) for name, share in mix.items()}


def take(name: str, items: Sequence[Item], count: int, seed: int) -> tuple[list[Item], str | None]:
    """`count` rows drawn by the seed, in their own order, and a note where there are not so many."""
    if len(items) < count:
        return list(items), f"{name} has {len(items):,} usable rows, and its share asks for {count:,}: all are taken"
    chosen = {id(item) for item in drawn(items, seed)[:count]}
    return [item for item in items if id(item) in chosen], None
