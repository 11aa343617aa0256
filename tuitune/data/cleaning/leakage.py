"""Leakage: training rows that equal or resemble held-out ones, which makes the held-out loss look too good."""

from __future__ import annotations

from collections.abc import Sequence

from tuitune.data.cleaning.items import Item, StepReport, instruction
from tuitune.data.cleaning.near_duplicates import Counter, similar_pairs
from tuitune.data.cleaning.steps import other_row
from tuitune.data.cleaning.wanted import Cleaning


def leakage(
    train: list[Item],
    held_out: Sequence[Item],
    cleaning: Cleaning,
    progress: Counter = lambda done, total: None,
) -> tuple[list[Item], StepReport]:
    """The training rows, without those that leak where they are to be dropped, and what was found."""
    title = f"training rows like a held-out one, {cleaning.similarity:g} or more alike"
    report = StepReport("leakage", "cleaning.leakage", title, len(train))
    texts = [instruction(item.canonical) for item in (*held_out, *train)]
    leaking: set[int] = set()
    for pair in similar_pairs(texts, cleaning.similarity, progress):
        place = pair.later - len(held_out)
        if place < 0 or pair.earlier >= len(held_out) or place in leaking:
            continue
        leaking.add(place)
        other = held_out[pair.earlier]
        reason = f"the instruction is {pair.similarity:.0%} that of the held-out {other.place}"
        report.show(train[place], reason=reason, other=other_row(other, pair.similarity))
    if cleaning.leakage == "report":
        return train, report
    report.dropped = report.found
    return [item for place, item in enumerate(train) if place not in leaking], report
