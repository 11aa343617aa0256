"""The rows that `tuitune data clean`, `split` and `convert` write, as the process of a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuitune.data.preparation.prepare import Assembled, DataRefused, Item, Wanted, assemble
from tuitune.data.preparation.reading import SAMPLE
from tuitune.data.preparation.task import summary
from tuitune.data.preparation.texts import tidied_values
from tuitune.data.preparation.writing import TABLES, ending, write_rows
from tuitune.data.rows.turns import said_by
from tuitune.data.shapes.detect import recognise
from tuitune.data.shapes.objectives import Objective, refusal
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import mark, name_of
from tuitune.data.tasks import Report
from tuitune.problem import Problem

TARGETS: dict[str, Objective] = {
    "messages": "sft",
    "prompt-completion": "sft",
    "text": "sft",
    "preference": "dpo",
    "unpaired-preference": "kto",
}
"""Shapes that rows can be converted to, and the objective that learns from each."""


def run(report: Report) -> dict[str, Any]:
    """Write `train`, and `held_out` where asked for, in the rows' own shape or the shape `to`."""
    asked = report.wanted
    base, force, to = Path(asked["base"]), asked["force"], asked["to"]
    wanted = Wanted.from_tables(asked["recipe"])
    wanted = replace(wanted, objective=TARGETS[to] if to else _objective(wanted, base))
    made = assemble(wanted, base=base, progress=report.progress)
    written = {}
    for side, items in (("train", made.train), ("held_out", made.held_out)):
        if output := asked["outputs"].get(side):
            rows = _fitting(converted(items, to), Path(output)) if to else originals(items, wanted, made, base)
            report.progress("writing", 0, len(items))
            written[output] = write_rows(Path(output), rows, once=asked["once"], force=force)
    return {**summary(made), "shape": made.shape.shape, "written": written}


def _objective(wanted: Wanted, base: Path) -> Objective:
    """An objective that takes the rows, which stay in their shape: the recipe's, or else the first that does."""
    source = resolve(wanted.train, base=base)
    rows = list(open_source(source, split=wanted.split, limit=SAMPLE))
    shape = recognise(rows, wanted.shape, wanted.columns).shape
    either: tuple[Objective, ...] = (wanted.objective, "sft", "dpo", "kto")
    return next((one for one in either if refusal(shape, one) is None), wanted.objective)


def originals(items: list[Item], wanted: Wanted, made: Assembled, base: Path) -> Iterator[dict[str, Any]]:
    """Rows as they lie in the training data, read once more; only texts that were tidied differ.

    DataRefused where the data has changed since it was read first.
    """
    kept = {item.number: item.mark for item in items if item.source == wanted.train}
    for row in open_source(resolve(wanted.train, base=base), split=wanted.split, limit=wanted.limit):
        if (marked := kept.pop(row.number, None)) is None:
            continue
        if row.values is None or mark(row) != marked:
            kept[row.number] = marked
            break
        yield tidied_values(row.values, made.shape.columns.values()) if wanted.cleaning.whitespace else row.values
    if kept:
        raise DataRefused(Problem(name_of(wanted.train), f"row {min(kept)} changed while the data was read; try again"))


def converted(items: Iterable[Item], to: str) -> Iterator[Mapping[str, Any]]:
    """Rows in another shape. DataRefused names the first row that it cannot hold."""
    for item in items:
        row = item.canonical
        if to == "unpaired-preference" and "rejected" in row:
            yield {"prompt": row["prompt"], "completion": row["chosen"], "label": True}
            yield {"prompt": row["prompt"], "completion": row["rejected"], "label": False}
            continue
        if (found := _CONVERTED[to](row)) is None:
            held = (
                "plain text" if "text" in row else "a conversation" if "messages" in row else "a prompt and completion"
            )
            remedy = _REMEDIES.get(to, "train on it as it is")
            raise DataRefused(Problem("", f"{item.place}: {held} cannot be written as {to}; {remedy}"))
        yield found


def _fitting(rows: Iterable[Mapping[str, Any]], output: Path) -> Iterable[Mapping[str, Any]]:
    """Rows as the file can hold them: in a table, one question and its answer are plain text."""
    return map(_as_text, rows) if ending(output) in TABLES else rows


def _as_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    match row:
        case {
            "prompt": [{"role": "user", "content": str() as asked}],
            "completion": [{"role": "assistant", "content": str() as answer, **more}],
            **others,
        } if not more and not others:
            return {"prompt": asked, "completion": answer}
    return row


def _to_messages(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "prompt" in row:
        return {"messages": [said_by("user", row["prompt"]), said_by("assistant", row["completion"])]}
    return row if "messages" in row else None


def _to_prompt_completion(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A conversation parts before its last answer; turns after it, which nothing learns from, fall away."""
    if "messages" not in row:
        return row if "prompt" in row else None
    turns = row["messages"]
    last = max(place for place, turn in enumerate(turns) if turn["role"] == "assistant")
    tools = {"tools": row["tools"]} if "tools" in row else {}
    return {"prompt": turns[:last], "completion": [turns[last]], **tools}


def _to_text(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "prompt" in row:
        return {"text": row["prompt"] + row["completion"]}
    return row if "text" in row else None


_CONVERTED = {
    "messages": _to_messages,
    "prompt-completion": _to_prompt_completion,
    "text": _to_text,
    "preference": lambda row: row,
    "unpaired-preference": lambda row: row,
}
_REMEDIES = {
    "a conversation": "it needs a chat template, which training applies",
    "plain text": "no part of it is marked as the answer; train on it as it is",
}
