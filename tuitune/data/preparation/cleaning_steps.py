"""The steps that tidy or drop rows of one source, each with its report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from tuitune.data.preparation.assembled import Item, Say, StepReport
from tuitune.data.preparation.near_duplicates import near_duplicates, resembling
from tuitune.data.preparation.split import Split
from tuitune.data.preparation.texts import answer, instruction, tidied
from tuitune.recipe.sections.cleaning import USUAL_SHORTEST, USUAL_SIMILARITY, CleaningSection
from tuitune.rows.numbers import dumps
from tuitune.shapes.doubts import CONTRADICTED
from tuitune.units import percent_text

Step = Callable[[list[Item], CleaningSection, StepReport, Say], list[Item]]


def _whitespace(items: list[Item], _cleaning: CleaningSection, report: StepReport, _say: Say) -> list[Item]:
    kept = []
    for item in items:
        canonical, change = tidied(item.canonical)
        if change:
            report.changed += 1
            report.note(item, before=change[0], after=change[1])
            item = replace(item, canonical=canonical)
        kept.append(item)
    return kept


def _shortest(items: list[Item], cleaning: CleaningSection, report: StepReport, _say: Say) -> list[Item]:
    least, kept = cleaning.shortest or USUAL_SHORTEST, []
    for item in items:
        said = answer(item.canonical)
        if said is None or len(said.strip()) >= least:
            kept.append(item)
        else:
            report.drop(item, before=said, reason=f"the answer has {len(said.strip())} of {least} characters")
    return kept


def _doubtful(items: list[Item], _cleaning: CleaningSection, report: StepReport, _say: Say) -> list[Item]:
    against = contradictions(items)
    kept = []
    for index, item in enumerate(items):
        if index in against:
            other = items[against[index]]
            reason = f"{CONTRADICTED}: {other.place}"
            report.drop(item, before=instruction(item.canonical), reason=reason, other=other.number)
        elif item.doubt:
            report.drop(item, before=answer(item.canonical), reason=item.doubt)
        else:
            kept.append(item)
    return kept


def contradictions(items: list[Item]) -> dict[int, int]:
    """The places of rows that call an answer good which another row calls bad, or prefer what it does not, with the
    place of that row.
    """
    claims = [_claim(item.canonical) for item in items]
    first: dict[tuple[bytes, bool], int] = {}
    for place, claim in enumerate(claims):
        if claim is not None:
            first.setdefault(claim, place)
    opposed = ((place, first.get((claim[0], not claim[1]))) for place, claim in enumerate(claims) if claim is not None)
    return {place: other for place, other in opposed if other is not None}


def _claim(row: dict[str, Any]) -> tuple[bytes, bool] | None:
    """What a row says, and whether it says so or the contrary; None of one that calls no answer better or worse."""
    if "label" in row:
        return _digest({key: value for key, value in row.items() if key != "label"}), row["label"]
    if "chosen" not in row:
        return None
    sides = [_digest(row[side]) for side in ("chosen", "rejected")]
    return _digest([row["prompt"], *(side.hex() for side in sorted(sides))]), sides[0] < sides[1]


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(dumps(value, orjson.OPT_SORT_KEYS), digest_size=12).digest()


def _duplicates(items: list[Item], _cleaning: CleaningSection, report: StepReport, _say: Say) -> list[Item]:
    first: dict[bytes, Item] = {}
    kept = []
    for item in items:
        earlier = first.setdefault(_digest(item.canonical), item)
        if earlier is item:
            kept.append(item)
        else:
            said = instruction(item.canonical)
            report.drop(item, before=said, reason=f"equals {earlier.place}", other=earlier.number)
    return kept


def _near_duplicates(items: list[Item], cleaning: CleaningSection, report: StepReport, say: Say) -> list[Item]:
    texts = [instruction(item.canonical) for item in items]
    dropped = set()
    said = f"comparing {len(items):,} instructions"
    for index, earlier, alike in near_duplicates(
        texts, cleaning.near_duplicates or USUAL_SIMILARITY, lambda done: say(said, done, len(texts))
    ):
        dropped.add(index)
        report.drop(items[index], **_pair(texts[index], texts[earlier], items[earlier], alike))
    return [item for index, item in enumerate(items) if index not in dropped]


def _pair(text: str, other_text: str, other: Item, alike: float, which: str = "") -> dict[str, Any]:
    reason = f"{percent_text(alike)} like {which}{other.place}"
    return {"before": text, "after": other_text, "reason": reason, "other": other.number, "similarity": round(alike, 4)}


def leaks(parts: Split, threshold: float, *, drop: bool, say: Say) -> tuple[list[Item], StepReport]:
    """The training rows, and the report on those that a held-out row equals or resembles, which makes the held-out loss
    better than it is; they are left out where `drop`.
    """
    train, held_out = parts.train, parts.held_out
    report = StepReport("leakage", "cleaning.leakage", "training rows like a held-out row", before=len(train))
    texts, kept = ([instruction(item.canonical) for item in items] for items in (train, held_out))
    leaking = set()
    said = "comparing training rows with held-out rows"
    looked = () if parts.apart else resembling(texts, kept, threshold, lambda done: say(said, done, len(texts)))
    for index, other, alike in looked:
        leaking.add(index)
        report.note(train[index], **_pair(texts[index], kept[other], held_out[other], alike, "held-out "))
    if drop:
        report.dropped = len(leaking)
        train = [item for index, item in enumerate(train) if index not in leaking]
    return train, report


STEPS: dict[str, tuple[str, Step]] = {
    "whitespace": ("white space tidied", _whitespace),
    "shortest": ("answers too short", _shortest),
    "doubtful": ("answers in doubt", _doubtful),
    "duplicates": ("duplicates", _duplicates),
    "near_duplicates": ("near-duplicates of an instruction", _near_duplicates),
}


def clean_rows(
    items: list[Item], cleaning: CleaningSection, reports: dict[str, StepReport], say: Say, *, preview: bool = False
) -> list[Item]:
    """The rows after every step that is asked for; what each did is added to its report.

    With `preview`, a step that is not asked for leaves the rows alone, and reports what it would find as it usually is;
    answers in doubt are always reported.
    """
    for name, (title, step) in STEPS.items():
        asked = getattr(cleaning, name) not in (None, False, "report")
        if not (asked or preview or name == "doubtful"):
            continue
        report = reports.get(name) or StepReport(name, f"cleaning.{name}", title)
        report.before += len(items)
        say(title, 0, len(items))
        left = step(items, cleaning, report, say)
        if asked:
            items = left
        else:
            report.dropped = report.changed = 0
        if asked or preview or report.found:
            reports[name] = report
    return items
