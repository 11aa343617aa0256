"""Rows held out from training: drawn by their content, so that the same rows are drawn whatever their order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from tuitune.data.cleaning.items import Item, instruction
from tuitune.data.cleaning.near_duplicates import Counter, similar_pairs

ALIKE = (
    "nearly every row resembles another, so held-out rows were drawn one by one and some have a near-duplicate among "
    "the training rows: the held-out loss will look better than it is"
)


def order_of(seed: int, mark: str) -> bytes:
    """Where a row of a mark stands in the order that a seed draws rows in."""
    return hashlib.blake2b(f"{seed}:{mark}".encode(), digest_size=16).digest()


def drawn(items: Sequence[Item], seed: int) -> list[Item]:
    """The rows in the order that the seed draws them in; equal rows stand side by side."""
    return sorted(items, key=lambda item: (order_of(seed, item.mark), item.number))


def hold_out(
    items: Sequence[Item],
    fraction: float,
    seed: int,
    similarity: float,
    progress: Counter = lambda done, total: None,
) -> tuple[list[Item], list[Item], list[str]]:
    """Training rows, held-out rows, and what a person should know of the split. At least one row on either side.

    Rows whose instructions resemble each other go to the same side, so that nothing held out is nearly trained on.
    """
    count = min(max(1, round(len(items) * fraction)), len(items) - 1)
    ordered = drawn(items, seed)
    chosen: list[int] = []
    for cluster in _clusters(ordered, similarity, progress):
        if len(chosen) + len(cluster) <= count:
            chosen += cluster
    notes = [] if len(chosen) * 2 >= count else [ALIKE]
    held = set(chosen if not notes else range(count))
    train, held_out = _parted(items, {id(item) for place, item in enumerate(ordered) if place in held})
    return train, held_out, notes


def as_before(items: Sequence[Item], marks: Collection[str]) -> tuple[list[Item], list[Item]]:
    """Training and held-out rows by the marks of an earlier split."""
    wanted = set(marks)
    return _parted(items, {id(item) for item in items if item.mark in wanted})


def _parted(items: Sequence[Item], held: set[int]) -> tuple[list[Item], list[Item]]:
    return [item for item in items if id(item) not in held], [item for item in items if id(item) in held]


def _clusters(items: Sequence[Item], similarity: float, progress: Counter) -> list[list[int]]:
    """Places of rows that resemble each other, directly or by others between, in the order of their first."""
    parent = list(range(len(items)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    for pair in similar_pairs([instruction(item.canonical) for item in items], similarity, progress):
        join(pair.later, pair.earlier)
    first: dict[str, int] = {}
    for place, item in enumerate(items):
        join(place, first.setdefault(item.mark, place))
    clusters: dict[int, list[int]] = {}
    for place in range(len(items)):
        clusters.setdefault(root(place), []).append(place)
    return list(clusters.values())
