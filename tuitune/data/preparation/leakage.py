"""Training rows that a held-out row equals or resembles: they make the held-out loss better than it is."""

from __future__ import annotations

from tuitune.data.preparation.assembled import Item, Say, StepReport
from tuitune.data.preparation.near_duplicates import resembling
from tuitune.data.preparation.split import Split
from tuitune.data.preparation.texts import instruction
from tuitune.units import percent_text


def leaks(parts: Split, threshold: float, *, drop: bool, say: Say) -> tuple[list[Item], StepReport]:
    """The training rows, without those that leak where `drop`, and the report with the pairs."""
    train, held_out = parts.train, parts.held_out
    report = StepReport("leakage", "cleaning.leakage", "training rows like a held-out row", before=len(train))
    texts, kept = ([instruction(item.canonical) for item in items] for items in (train, held_out))
    leaking = set()
    said = "comparing training rows with held-out rows"
    looked = () if parts.apart else resembling(texts, kept, threshold, lambda done: say(said, done, len(texts)))
    for index, other, alike in looked:
        leaking.add(index)
        item, twin = train[index], held_out[other]
        report.found += 1
        report.show(
            item,
            before=texts[index],
            after=kept[other],
            reason=f"{percent_text(alike)} like held-out {twin.place}",
            other=twin.number,
            similarity=round(alike, 4),
        )
    if drop:
        report.dropped = len(leaking)
        train = [item for index, item in enumerate(train) if index not in leaking]
    return train, report
