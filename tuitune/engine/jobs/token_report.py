"""What a recipe's data comes to as tokens: the `tokens` task, which a screen or a command reads before a launch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuitune.data.sources.names import resolve
from tuitune.data.task_report import TaskReport
from tuitune.engine.load.tokenizer import choose_template, load_tokenizer, longest_of, place_of, stop_ids_of
from tuitune.engine.process.failures import EngineError, explain
from tuitune.engine.tokens.encoders import encoder_of
from tuitune.engine.tokens.omissions import SYSTEM, TOOLS
from tuitune.engine.tokens.prepare import batched
from tuitune.engine.tokens.remarks import UNREAD, Level, Remark, judge, longer, of_loss, of_rows
from tuitune.engine.tokens.tokenize import refusal, tokenize
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe

_MOST_LEFT_OUT = 50
_TOLD = (
    *("rows", "kept", "tokens", "trained_tokens", "trained_share", "longest", "lengths", "cut", "too_long"),
    *("lost_count", "odd", "cleaning", "notes"),
)
"""Facts about the tokens that are part of the result as they are."""

_COUNTED = {"system": SYSTEM, "tools": TOOLS}
"""Verdicts on a template, and what is said to be left out of rows where they hold."""


def run(report: TaskReport) -> dict[str, Any]:
    """Carry out the task; `wanted` is `{"recipe": tables, "base": folder}`.

    What a person must decide (over one row in a hundred lost) is in its `errors`; TuituneError where nothing is there.
    """
    recipe = Recipe.model_validate(report.wanted["recipe"])
    report.progress(f"loading the tokenizer of {recipe.model.id}")
    base = Path(report.wanted["base"])
    place = place_of(recipe.model, base)
    tokenizer = _in_words(lambda: load_tokenizer(recipe.model, place))
    template = choose_template(recipe, tokenizer, base)
    stop_ids = stop_ids_of(recipe.model, place, tokenizer)

    def tell(phase: str, text: str, done: int | None, total: int | None) -> None:
        report.progress(text, done or 0, total)

    tokens = _in_words(lambda: tokenize(recipe, template, stop_ids, tell, base=base))
    facts = tokens.facts
    report.progress("packing")
    rows = batched(tokens.train, recipe, flat=True)
    room = len(rows) * recipe.data.max_length
    single = encoder_of(recipe, template, stop_ids).single
    judged = judge(single, stop_ids, {*facts["used"], *facts["held_out"]["used"]})
    most = longest_of(recipe.model, place)
    return {
        **{name: facts[name] for name in _TOLD},
        "held_out": facts["held_out"]["rows"],
        "held_out_kept": facts["held_out"]["kept"],
        "max_length": recipe.data.max_length,
        "asked": recipe.optimises.generates,
        "packed_rows": len(rows),
        "fill": facts["tokens"] / room if recipe.packs and room else None,
        "lost": [{key: one[key] for key in ("row", "place", "why", "mark")} for one in facts["lost"]],
        "verdicts": [asdict(one) for one in (*judged, *_of_all_rows(facts, recipe, most))],
        "errors": [reason] if (reason := refusal(facts, recipe)) else [],
        "warnings": [one.said for one in (*_untold(recipe, base, facts, most), *_of_template(judged, facts))],
    }


def _untold(recipe: Recipe, base: Path, facts: dict[str, Any], most: int | None) -> list[Remark]:
    """Warnings on rows, but for what a look at the first of them tells without tokens (`tuitune.planning.checks`)."""
    light = resolve(recipe.data.train, base=base).light
    found = (*of_loss(facts, recipe, most), *of_rows(facts))
    return [one for one in found if one.level == "warning" and not (light and one.id == UNREAD)]


def _of_template(judged: list[Remark], facts: dict[str, Any]) -> Iterator[Remark]:
    """What a chat template makes of these rows otherwise than it should, unless the rows were counted for it."""
    return (one for one in judged if one.level == "warning" and _COUNTED.get(one.id) not in facts["left_out"])


def _of_all_rows(facts: dict[str, Any], recipe: Recipe, most: int | None) -> Iterator[Remark]:
    """Remarks on the rows together, for a model made for `most` tokens."""
    rows, longest, held_out = facts["rows"], recipe.data.max_length, facts["held_out"]
    fix = longer(facts["longest"], longest, most)
    if lost := facts["lost_count"]:
        level: Level = "error" if refusal(facts, recipe) else "warning"
        text = f"rows dropped, with no token to learn: {lost:,} of {rows:,}"
        whole = facts["lost_cut"] == lost and facts["longest"] <= (most or facts["longest"])
        yield Remark("lost", level, text, fix if whole else _without(facts, recipe))
    if cut := facts["cut"]:
        yield Remark("cut", "warning", f"rows cut to {longest:,} tokens: {cut:,} of {rows:,}", fix)
    if parted := facts["parted"]:
        yield Remark(
            "parted", "ok", f"documents learned in pieces of at most {longest:,} tokens: {parted:,} of {rows:,}"
        )
    if count := facts["no_stop"]:
        yield Remark("no-stop", "warning", f"rows that do not teach where their answer ends: {count:,} of {rows:,}")
    yield from of_loss(facts, recipe, most)
    yield from of_rows(facts)
    if lost := held_out["lost_count"]:
        text = f"held-out rows dropped, with no token to evaluate: {lost:,} of {held_out['rows']:,}"
        yield Remark("lost-held-out", "warning", text)


def _without(facts: dict[str, Any], recipe: Recipe) -> dict[str, Any] | None:
    """The setting that leaves the lost rows out, where they are all named and few."""
    marks = [one["mark"] for one in facts["lost"] if one["mark"]]
    if len(marks) < facts["lost_count"] or len(marks) > _MOST_LEFT_OUT:
        return None
    return {"data.exclude": [*recipe.data.exclude, *marks]}


def _in_words(work: Any) -> Any:
    """What `work` gives; whatever a library raises becomes words."""
    try:
        return work()
    except (TuituneError, MemoryError):
        raise
    except Exception as error:
        raise EngineError(explain(error)) from error
