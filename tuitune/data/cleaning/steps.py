"""The cleaning steps: each takes rows and gives those that stay, saying what it found, dropped and changed.

A step that is switched off drops and changes nothing; with `preview` it still says what it would find.
"""

from __future__ import annotations

import re

from tuitune.data.cleaning.items import Item, StepReport, answer, instruction, readable
from tuitune.data.cleaning.near_duplicates import Counter, similar_pairs
from tuitune.data.cleaning.wanted import USUAL_SHORTEST, Cleaning

_LINE_END = re.compile(r"[ \t]+(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")


def tidied(text: str) -> str:
    """Text without spaces around it and at line ends, with `\\n` as line end and at most one blank line in a row."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BLANK_LINES.sub("\n\n", _LINE_END.sub("", lines)).strip()


def whitespace(items: list[Item], cleaning: Cleaning) -> tuple[list[Item], StepReport]:
    """Tidy the white space of every text."""
    report = StepReport("whitespace", "cleaning.whitespace", "white space", len(items))
    kept = []
    for item in items:
        tidy = item.mapped(tidied)
        if tidy.canonical != item.canonical:
            report.show(item, after=readable(tidy.canonical))
        kept.append(tidy)
    report.changed = report.found if cleaning.whitespace else 0
    return (kept if cleaning.whitespace else items), report


def shortest(items: list[Item], cleaning: Cleaning) -> tuple[list[Item], StepReport]:
    """Drop rows whose last answer is too short."""
    least = cleaning.shortest or USUAL_SHORTEST
    report = StepReport("shortest", "cleaning.shortest", f"answers under {least} characters", len(items))
    kept = []
    for item in items:
        length = len(answer(item.canonical))
        if length < least:
            report.show(item, reason=f"the answer has {length} characters")
        else:
            kept.append(item)
    return _if(cleaning.shortest is not None, kept, items, report)


def duplicates(items: list[Item], cleaning: Cleaning) -> tuple[list[Item], StepReport]:
    """Drop rows that are trained on as an earlier one is."""
    report = StepReport("duplicates", "cleaning.duplicates", "duplicates", len(items))
    first: dict[str, Item] = {}
    kept = []
    for item in items:
        earlier = first.setdefault(repr(item.canonical), item)
        if earlier is item:
            kept.append(item)
        else:
            report.show(item, reason=f"equal to {earlier.place}", other=other_row(earlier, 1.0))
    return _if(cleaning.duplicates, kept, items, report)


def near_duplicates(
    items: list[Item], cleaning: Cleaning, progress: Counter = lambda done, total: None
) -> tuple[list[Item], StepReport]:
    """Drop rows whose instruction resembles that of an earlier row that stays."""
    title = f"near-duplicates, {cleaning.similarity:g} or more alike"
    report = StepReport("near_duplicates", "cleaning.near_duplicates", title, len(items))
    dropped: set[int] = set()
    for pair in similar_pairs([instruction(item.canonical) for item in items], cleaning.similarity, progress):
        if pair.later not in dropped and pair.earlier not in dropped:
            dropped.add(pair.later)
            earlier = items[pair.earlier]
            reason = f"the instruction is {pair.similarity:.0%} that of {earlier.place}"
            report.show(items[pair.later], reason=reason, other=other_row(earlier, pair.similarity))
    kept = [item for place, item in enumerate(items) if place not in dropped]
    return _if(cleaning.near_duplicates is not None, kept, items, report)


def other_row(item: Item, similarity: float) -> dict[str, object]:
    """The row that another one resembles, for an example."""
    return {
        "row": item.number, "place": item.place, "text": readable(item.canonical), "similarity": round(similarity, 3),
        "source": item.source,
    }  # fmt: skip


def _if(active: bool, kept: list[Item], items: list[Item], report: StepReport) -> tuple[list[Item], StepReport]:
    report.dropped = report.found if active else 0
    return (kept if active else items), report
