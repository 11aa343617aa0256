"""The data of a run: its tokens read and judged, what became of the rows recorded, then shuffled and packed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute
from trl import pack_dataset

from tuitune.engine.journal.report import Report
from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.encode import Canonical
from tuitune.engine.tokens.remarks import of_loss, of_rows
from tuitune.engine.tokens.store import Tokenized
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.engine.tokens.tokenize import refusal, tokenize
from tuitune.recipe.schema import Recipe
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run
from tuitune.text import redact

_RECORD_LIMIT = 256 << 20
_NAMED = 5

_FEW = 8
"""Held-out answers of a kind, good or bad, below which their mean says little."""


@dataclass(frozen=True)
class Prepared:
    """Tokenized rows (`input_ids`, `labels`, and `seq_lengths` where packed; labelled ones also `good`, and pairs have
    the first two twice, named after their sides) and what became of the rows read.

    `held_out_rows` are the rows themselves, for their questions and answers; `held_out_count` of them have a loss, and
    teach `held_out_tokens`.
    `fingerprint` tells whether these are the tokens, in the order, of another time; `held_out_fingerprint` whether the
    held-out ones are, however they are packed (None where there are none).
    """

    train: datasets.Dataset
    held_out: datasets.Dataset | None
    held_out_rows: list[Canonical]
    held_out_count: int
    held_out_tokens: int
    train_rows: int
    dropped_rows: int
    train_tokens: int
    fingerprint: str
    held_out_fingerprint: str | None


def read(
    recipe: Recipe,
    template: ChatTemplate,
    stop_ids: set[int],
    run: Run,
    report: Report,
    *,
    trained: bool,
    most: int | None,
) -> Tokenized:
    """The recipe's data as tokens, for a model made for `most` of them. A held-out row is never among the training
    rows, in none of the run's lives.

    EngineError, naming rows, where the data is not fit to train on, and where other rows would be held out than before
    though the run has `trained` on the rest. What was cleaned, and the split for a later life, go into its `data.json`.
    """

    def tell(phase: str, text: str, done: int | None, total: int | None) -> None:
        if done is None:
            report.phase(phase, text)
        else:
            report.progress(phase, text, done, total, "rows")

    tokens = tokenize(recipe, template, stop_ids, tell, held_out=_held_out_before(run, recipe, trained=trained))
    if reason := refusal(tokens.facts, recipe):
        raise EngineError(reason)
    _alert(tokens.facts, recipe, report, most)
    _alert_one_sided(tokens, report)
    _alert_left_over(len(tokens.train), recipe, report)
    files.write_whole(run.data_file, json.dumps(_record(tokens.facts, recipe), indent=1).encode() + b"\n")
    return tokens


def arrange(tokens: Tokenized, recipe: Recipe, *, flat: bool) -> Prepared:
    """The rows in the order of training, packed where the model keeps packed documents apart (`flat`)."""
    train, facts = tokens.train, tokens.facts
    if recipe.data.shuffle:
        order = list(range(len(train)))
        random.Random(recipe.run.seed).shuffle(order)
        train = train.select(order, keep_in_memory=True)
    train = batched(train, recipe, flat=flat)
    held_out = None if tokens.held_out is None else batched(tokens.held_out, recipe, flat=flat)
    return Prepared(
        train=train,
        held_out=held_out,
        held_out_rows=tokens.held_out_rows,
        held_out_count=facts["held_out"]["kept"],
        held_out_tokens=facts["held_out"]["trained_tokens"],
        train_rows=facts["kept"],
        dropped_rows=facts["rows"] - facts["kept"],
        train_tokens=facts["tokens"],
        fingerprint=_fingerprint([train] if held_out is None else [train, held_out]),
        held_out_fingerprint=None if tokens.held_out is None else _fingerprint([tokens.held_out]),
    )


def batched(rows: datasets.Dataset, recipe: Recipe, *, flat: bool) -> datasets.Dataset:
    """The rows that batches are made of: in pieces where the objective learns long documents whole, then several
    documents a row, best fit first, as trl packs them, where the recipe packs and the model takes `flat` batches.
    """
    length = recipe.data.max_length
    if recipe.optimises.whole and len(rows):
        arrow = rows.with_format("arrow")
        rows = arrow.map(_in_pieces, batched=True, keep_in_memory=True, fn_kwargs={"most": length}).with_format(None)
    return pack_dataset(rows, length, "bfd", {"keep_in_memory": True}) if recipe.packs and flat and len(rows) else rows


def _in_pieces(rows: pa.Table, most: int) -> pa.Table:
    """Rows of at most so many tokens. A piece begins with the last token of the one before it, from which its own first
    is predicted: so that each token but a document's first is learned, and once.
    """
    lengths = pyarrow.compute.list_value_length(rows.column(0)).to_numpy()
    pieces = [
        (start, min(start + most, end))
        for length, end in zip(lengths, np.cumsum(lengths), strict=True)
        for start in range(end - length, max(end - 1, end - length + 1), most - 1)
    ]
    offsets = np.cumsum([0, *(end - start for start, end in pieces)], dtype=np.int32)

    def column(name: str) -> pa.ListArray:
        numbers = pyarrow.compute.list_flatten(rows.column(name)).to_numpy()
        return pa.ListArray.from_arrays(offsets, np.concatenate([numbers[start:end] for start, end in pieces]))

    return pa.table({name: column(name) for name in rows.column_names})


def _held_out_before(run: Run, recipe: Recipe, *, trained: bool) -> list[str] | None:
    """The marks of the rows held out in an earlier life; None where none are recorded, or nothing was trained and the
    data are others. EngineError where they may have been trained on.
    """
    try:
        record = json.loads(files.read_bytes(run.data_file, _RECORD_LIMIT))
        source, held_out, marks = _named(record["train"]), _named(record["eval"]), record.get("held_out_marks")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    now = _named(recipe.data.eval)
    if trained and now not in (held_out, None):
        raise EngineError(
            f"data.eval was {'empty' if held_out is None else held_out} and is {now}: rows that were trained on may be "
            f"held out now. Set it back in {run.recipe_file}, or start a new run with it"
        )
    known = isinstance(marks, list) and all(isinstance(mark, str) for mark in marks)
    same = held_out == now and (trained or source == _named(recipe.data.train))
    return marks if known and same else None


def _named(source: Any) -> Any:
    """What the record calls `data.train` or `data.eval`: an address without its credentials, which may change."""
    return redact(source) if isinstance(source, str) else source


def _record(facts: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """What `data.json` says: counts, cleaning steps, rows lost, and the split, where it was drawn here."""
    drawn = isinstance(recipe.data.eval, float)
    return {
        "v": 1,
        "train": _named(recipe.data.train),
        "eval": _named(recipe.data.eval),
        "train_rows": facts["kept"],
        "held_out_rows": facts["held_out"]["kept"],
        "dropped_rows": facts["rows"] - facts["kept"],
        "train_tokens": facts["tokens"],
        "trained_tokens": facts["trained_tokens"],
        "cleaning": facts["cleaning"],
        "notes": facts["notes"],
        "lost": facts["lost"],
        **({"held_out_marks": facts["held_out_marks"]} if drawn else {}),
    }


def _alert_one_sided(tokens: Tokenized, report: Report) -> None:
    """Say so where labelled rows are all good or all bad: there is no difference to learn, or to measure. And where
    few held-out ones are of a kind, so that their mean is chance.
    """
    for which, rows in (("training", tokens.train), ("held-out", tokens.held_out)):
        if rows is None or "good" not in rows.column_names:
            continue
        good = sum(bool(label) for [label] in rows["good"])
        bad = len(rows) - good
        few, rarer, other = (good, "good", "bad") if good < bad else (bad, "bad", "good")
        if which == "training" and not few:
            text = f"all training answers are {other}: the difference to {rarer} ones is what is learned; add some"
            report.alert("one-sided", "warning", text)
        elif which == "held-out" and few < _FEW:
            means = "their margin is mostly chance" if few else "no margin can be measured"
            more = f"hold out more rows (data.eval), or name a file with more {rarer} ones"
            text = f"{few} of {len(rows):,} held-out answers are {rarer}: {means}; {more}"
            report.alert("one-sided-held-out", "info" if few else "warning", text)


def _alert_left_over(rows: int, recipe: Recipe, report: Report) -> None:
    """Say so where the last batch of an epoch has too few rows to be compared with each other."""
    size = recipe.training.batch_size
    if 0 < rows % size < recipe.optimises.least_batch:
        text = f"{rows:,} rows in batches of {size} leave one over, which each epoch compares with itself"
        report.alert("left-over", "info", f"{text}; another batch size leaves none, or more")


def _alert(facts: dict[str, Any], recipe: Recipe, report: Report, most: int | None) -> None:
    longest = f"{recipe.data.max_length:,} tokens"
    if facts["origin"] == "plain":
        report.alert(
            "plain-template", "info",
            "this model has no chat template: conversations get plain headings (### User:, ### Assistant:) and each "
            "answer the end-of-text token; the template is saved with the result",
        )  # fmt: skip
    for step in facts["cleaning"]:
        count = step["dropped"] or step["changed"]
        if count and step["step"] != "too_long":  # said below, with what is left
            what = "dropped" if step["dropped"] else "changed"
            text = f"{step['title']}: {count:,} of {step['before']:,} rows {what}"
            report.alert(f"cleaned-{step['step']}", "info", text)
    for number, note in enumerate(facts["notes"], start=1):
        report.alert(f"data-note-{number}", "info", note)
    for which, found in (("training", facts), ("held-out", facts["held_out"])):
        if lost := found["lost_count"]:
            first = ", ".join([one["place"] for one in found["lost"][:_NAMED]] + ["…"] * (lost > _NAMED))
            text = f"{which} rows were dropped: no token to learn within {longest} ({first})"
            report.alert("rows-dropped", "warning", f"{lost:,} of {found['rows']:,} {text}")
        if parted := found["parted"]:
            text = f"{parted:,} of {found['rows']:,} {which} documents are longer than {longest}: learned in pieces"
            report.alert("rows-parted", "info", text)
        if cut := found["cut"]:
            report.alert("rows-cut", "info", f"{cut:,} of {found['rows']:,} {which} rows were cut to {longest}")
    for one in (*of_loss(facts, recipe, most), *of_rows(facts)):
        report.alert(one.id, "info" if one.level == "ok" else one.level, one.said)
    if not facts["stops"] and facts["kept"] > facts["cut"]:
        text = "no row teaches the model to end its answer: no end-of-turn token is learned"
        report.alert("never-stops", "warning", text)


def _fingerprint(sets: Sequence[datasets.Dataset]) -> str:
    """SHA-256 over every number of every column, and over where each row ends."""
    digest = hashlib.sha256()
    for rows in sets:
        table = rows.with_format("arrow")[:]
        for name in sorted(table.column_names):
            column = table.column(name)
            for numbers in (pyarrow.compute.list_value_length(column), pyarrow.compute.list_flatten(column)):
                digest.update(f"{name} {len(numbers)}:".encode())
                digest.update(numbers.to_numpy().astype("<i8"))
    return digest.hexdigest()
