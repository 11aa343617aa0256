"""From what a recipe says of its data to the rows that are trained on and those that are held out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tuitune.data.preparation.assembled import (
    Assembled,
    Begun,
    DataRefused,
    Item,
    Say,
    StepReport,
    no_progress,
    nothing_more,
)
from tuitune.data.preparation.cleaning_steps import clean_rows, leaks
from tuitune.data.preparation.reading import RowReader
from tuitune.data.preparation.split import Split, draw_order, parted, split
from tuitune.data.purpose import ANYTHING, Purpose
from tuitune.data.sources.rows import name_of
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.cleaning import USUAL_SIMILARITY, CleaningSection
from tuitune.recipe.steps import mixed_rows
from tuitune.units import percent_text

_NAMED = 3


def prepare(
    recipe: Recipe,
    *,
    purpose: Purpose = ANYTHING,
    base: Path | None = None,
    held_out: Collection[str] | None = None,
    preview: bool = False,
    begun: Begun = nothing_more,
    progress: Say = no_progress,
) -> Assembled:
    """The rows of a run: read, converted, cleaned, mixed and split, in this order.

    `purpose` is what they are for; `base` is where relative names start. `held_out` are the marks of a former split,
    which is then made again instead of a new one. `begun` gets the first training rows before the others are read; it
    and `progress` may raise to interrupt. DataRefused (a TuituneError) names the setting and the rows.

    With `preview`, steps that are switched off report what they would find, and rows for which the data would be
    refused are reported and passed over: what a person wants to know before deciding on the steps.

    Rows that are too long are not dropped here: their length in tokens is the engine's to tell.
    """
    reader = RowReader(recipe, purpose, base, progress, begun=begun, preview=preview)
    reports: dict[str, StepReport] = {}
    data, cleaning = recipe.data, recipe.cleaning
    main, shape = reader.read(
        "data.train", data.train, shape=data.shape, columns=data.columns, split=data.split, limit=data.limit
    )
    main = clean_rows(main, cleaning, reports, progress, preview=preview)
    if not main:
        raise DataRefused(Problem("cleaning", f"{name_of(data.train)}: no row is left after cleaning"))
    others = {}
    for name in data.mix:
        items, _ = reader.read("data.mix", name, shape="auto", columns={})
        others[name] = clean_rows(items, cleaning, reports, progress, preview=preview)
    train, notes = _mixed(main, others, data.mix, recipe.run.seed)
    parts = _parts(train, recipe, reader, held_out, progress)
    train, kept = parts.train, parts.held_out
    steps = [*reader.reports, *reports.values()]
    notes += _on_doubts(reports.get("doubtful"))
    if kept:
        drop = cleaning.leakage == "drop"
        train, report = leaks(parts, cleaning.near_duplicates or USUAL_SIMILARITY, drop=drop, say=progress)
        steps.append(report)
    if not train:
        raise DataRefused(Problem("cleaning.leakage", "every training row resembles a held-out row, so none is left"))
    drawn = isinstance(data.eval, float)
    return Assembled(train, kept, steps, [*notes, *parts.notes], shape, drawn=drawn, unread=list(reader.unread))


def _on_doubts(report: StepReport | None) -> list[str]:
    """A note on answers in doubt that are trained on."""
    if report is None or not report.found or report.dropped:
        return []
    named = "; ".join(f"{one['place']}: {one['reason']}" for one in report.examples[:_NAMED])
    more = ", …" if report.found > _NAMED else ""
    return [f'answers in doubt: {report.found:,} ({named}{more}); cleaning.doubtful = "drop" drops them']


def _mixed(
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


def _parts(train: list[Item], recipe: Recipe, reader: RowReader, marks: Collection[str] | None, say: Say) -> Split:
    """The rows on either side: as a former split had them, as another source holds them, or drawn now."""
    data, cleaning = recipe.data, recipe.cleaning
    if data.eval is None:
        return Split(train, [])
    if isinstance(data.eval, str):
        kept, _ = reader.read("data.eval", data.eval, shape=data.shape, columns=data.columns)
        if cleaning.whitespace:
            kept = clean_rows(kept, CleaningSection(whitespace=True), {}, say)
        return Split(train, kept)
    if marks is None:
        threshold = cleaning.near_duplicates
        distinct = threshold is not None and not data.mix
        return split(train, data.eval, recipe.run.seed, threshold or USUAL_SIMILARITY, say, distinct=distinct)
    rest, kept = parted(train, set(marks))
    if not kept:
        raise DataRefused(Problem("data.train", "none of the rows held out before is still in the data"))
    if not rest:
        raise DataRefused(Problem("data.train", "all usable rows were held out before; none is left to train on"))
    return Split(rest, kept)
