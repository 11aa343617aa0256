"""Held-out rows drawn by what is in them: the same data and seed give the same split, whatever the order of rows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuitune.data.preparation.assembled import DataRefused, Item, Say
from tuitune.data.preparation.near_duplicates import near_duplicates, resembling
from tuitune.data.preparation.texts import instruction
from tuitune.problem import Problem
from tuitune.recipe.steps import held_out_rows

_ROUNDS = 8
_FEW = 0.8


def draw_order(mark: str, seed: int) -> bytes:
    """Where a row comes in the order that rows are drawn in: by a hash of its content and the seed."""
    return hashlib.blake2b(f"{seed}:{mark}".encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Split:
    """Rows to train on and to hold out. `apart`: it is known that no training row resembles a held-out row."""

    train: list[Item]
    held_out: list[Item]
    notes: tuple[str, ...] = ()
    apart: bool = False


def split(items: list[Item], share: float, seed: int, threshold: float, say: Say, *, distinct: bool = False) -> Split:
    """Rows drawn to be held out, and the others. At least one is on either side; DataRefused where there is but one.

    Rows whose instructions are alike, or that are equal, lie on the same side. A group of them that is larger than the
    held-out part is trained on; where that leaves nothing to hold out, rows are drawn one by one, and a note says so.
    `distinct`: the rows are known to have no near-duplicates, so none are looked for.
    """
    if len(items) < 2:
        message = "one row cannot be split; name a file of held-out rows, or leave it empty"
        raise DataRefused(Problem("data.eval", message))
    count = held_out_rows(len(items), share)
    items = sorted(items, key=lambda item: item.mark)
    one_by_one = [[index] for index in range(len(items))]
    if distinct:
        drawn, apart = set(_drawn(one_by_one, items, count, seed)), True
    else:
        drawn, apart = _drawn_apart(items, count, seed, threshold, say)
    notes: tuple[str, ...] = ()
    if not drawn:
        drawn, apart = set(_drawn(one_by_one, items, count, seed)), False
        notes = (
            "the instructions are all alike, so held-out rows resemble training rows: the held-out loss says little "
            "about new instructions",
        )
    elif len(drawn) < _FEW * count:
        notes = (f"{len(drawn):,} of {count:,} rows are held out: the others are too similar to training rows",)
    train, held_out = parted(items, {items[index].mark for index in drawn})
    return Split(train, held_out, notes, apart)


def parted(items: Iterable[Item], marks: set[str]) -> tuple[list[Item], list[Item]]:
    """Training and held-out rows; those with one of the marks are held out. Each side is in the order of its source."""
    ordered = sorted(items, key=lambda item: (item.source, item.number))
    return [item for item in ordered if item.mark not in marks], [item for item in ordered if item.mark in marks]


def _drawn_apart(items: list[Item], count: int, seed: int, threshold: float, say: Say) -> tuple[set[int], bool]:
    """Indexes of held-out rows, and whether it is known that none resembles another row: groups are joined until so."""
    texts = [instruction(item.canonical) for item in items]
    said = "looking for similar rows, to hold them out together"

    def tell(done: int) -> None:
        say(said, done, len(texts))

    alike = [(index, earlier) for index, earlier, _ in near_duplicates(texts, threshold, tell)]
    alike += [(index, index - 1) for index in range(1, len(items)) if items[index].mark == items[index - 1].mark]
    for _ in range(_ROUNDS):
        drawn = _drawn(_joined(len(items), alike), items, count, seed)
        taken = set(drawn)
        rest = [index for index in range(len(items)) if index not in taken]
        across = list(resembling([texts[index] for index in rest], [texts[index] for index in drawn], threshold, tell))
        if not across:
            return taken, True
        alike += [(rest[one], drawn[other]) for one, other, _ in across]
    strangers = {other for _, other, _ in across}
    return {index for place, index in enumerate(drawn) if place not in strangers}, False


def _drawn(groups: list[list[int]], items: Sequence[Item], count: int, seed: int) -> list[int]:
    """Whole groups, in the order of their first member to be drawn, as far as they fit into `count` rows."""
    order = sorted((min(draw_order(items[index].mark, seed) for index in group), group) for group in groups)
    drawn: list[int] = []
    for _, group in order:
        if len(drawn) + len(group) <= count:
            drawn += group
        if len(drawn) == count:
            break
    return drawn


def _joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The numbers below `count` in groups: those that pairs join, directly or not (union-find)."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    groups = defaultdict(list)
    for index in range(count):
        groups[root(index)].append(index)
    return list(groups.values())
