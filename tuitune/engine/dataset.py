"""The data of a run: rows read, split, tokenized and packed, ready for the trainer."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

import datasets
import pyarrow.compute
from transformers import PreTrainedTokenizerBase
from trl import pack_dataset

from tuitune.engine import rows as source_rows
from tuitune.engine.collator import IGNORED
from tuitune.engine.failures import EngineError
from tuitune.engine.generate import stop_ids
from tuitune.engine.model import Base
from tuitune.engine.report import Report
from tuitune.engine.rows import Canonical
from tuitune.engine.tokens import PLAIN_TEMPLATE, Encoded, Encoder, learns_to_stop
from tuitune.recipe.schema import Recipe

_CHUNK = 256  # rows tokenized at once


@dataclass(frozen=True)
class Prepared:
    """Tokenized rows (`input_ids`, `labels`, and `seq_lengths` where packed) and what became of the rows read.

    `held_out_rows` are the rows themselves, for their questions and answers; `held_out_count` of them have a loss.
    `fingerprint` tells whether these are the tokens, in the order, of another time.
    """

    train: datasets.Dataset
    held_out: datasets.Dataset | None
    held_out_rows: list[Canonical]
    held_out_count: int
    train_rows: int
    dropped_rows: int
    train_tokens: int
    fingerprint: str


def prepare(recipe: Recipe, base: Base, report: Report) -> Prepared:
    """Read and tokenize what the recipe's [data] table names. A held-out row is never among the training rows."""
    tokenizer = base.tokenizer
    pack_to = recipe.data.max_length if recipe.data.packing and base.flat else None
    report.phase("reading", f"reading {recipe.data.train}")
    train_rows, held_out_rows = _split(recipe)
    _ensure_template(tokenizer, train_rows + held_out_rows, report)
    encoder = Encoder(tokenizer, recipe.data.loss_on, recipe.data.max_length)
    train, dropped = _encode(train_rows, encoder, report, "training")
    if not train:
        raise EngineError(
            f"{recipe.data.train}: no row has a token to learn within data.max_length = {recipe.data.max_length}; "
            "raise it, or change data.loss_on"
        )
    stops = stop_ids(base.model, tokenizer)
    if not any(learns_to_stop(row, stops, tokenizer) for row in train if not row.cut):
        report.alert(
            "never-stops", "warning", "no row teaches the model to end its answer: no end-of-turn token is learned"
        )
    held_out, _ = _encode(held_out_rows, encoder, report, "held-out")
    if recipe.data.shuffle:
        random.Random(recipe.run.seed).shuffle(train)
    packed = _dataset(train, pack_to)
    measured = _dataset(held_out, pack_to) if held_out else None
    return Prepared(
        train=packed,
        held_out=measured,
        held_out_rows=held_out_rows,
        held_out_count=len(held_out),
        train_rows=len(train),
        dropped_rows=dropped,
        train_tokens=sum(len(row.input_ids) for row in train),
        fingerprint=_fingerprint([packed] if measured is None else [packed, measured]),
    )


def _ensure_template(tokenizer: PreTrainedTokenizerBase, rows: list[Canonical], report: Report) -> None:
    """Where there are conversations but no chat template, take a plain one; it is saved with the result."""
    if tokenizer.chat_template or not any("messages" in row for row in rows):
        return
    if tokenizer.eos_token is None:
        raise EngineError(
            "model.id: this model has neither a chat template nor an end-of-text token to learn conversations with"
        )
    tokenizer.chat_template = PLAIN_TEMPLATE
    report.alert(
        "plain-template", "info",
        "this model has no chat template: conversations get plain headings (### User:, ### Assistant:) and each answer "
        "the end-of-text token; the template is saved with the result",
    )  # fmt: skip


def _split(recipe: Recipe) -> tuple[list[Canonical], list[Canonical]]:
    """Training and held-out rows; a fraction is drawn with the seed, and at least one row stays on either side."""
    data = recipe.data
    rows = source_rows.read(data.train, data, limit=data.limit)
    if data.eval is None:
        return rows, []
    if isinstance(data.eval, str):
        return rows, source_rows.read(data.eval, data)
    if len(rows) < 2:
        raise EngineError("data.eval: one row cannot be split; name a file of held-out rows, or leave data.eval empty")
    count = min(max(1, round(len(rows) * data.eval)), len(rows) - 1)
    drawn = set(random.Random(recipe.run.seed).sample(range(len(rows)), count))
    held_out = [row for index, row in enumerate(rows) if index in drawn]
    return [row for index, row in enumerate(rows) if index not in drawn], held_out


def _encode(rows: list[Canonical], encoder: Encoder, report: Report, which: str) -> tuple[list[Encoded], int]:
    """The rows that teach something, tokenized, and how many were dropped because they do not."""
    if not rows:
        return [], 0
    text = f"tokenizing {which} rows"
    report.phase("tokenizing", text)
    encoded: list[Encoded] = []
    for start in range(0, len(rows), _CHUNK):
        encoded += encoder.encode(rows[start : start + _CHUNK])
        report.progress("tokenizing", text, len(encoded), len(rows), "rows")
    empty = [number for number, row in enumerate(encoded, start=1) if not _teaches(row)]
    if empty:
        first = ", ".join(map(str, empty[:5]))
        report.alert(
            "rows-dropped", "warning",
            f"{len(empty)} of {len(rows)} {which} rows were dropped: within {encoder.max_length} tokens nothing of "
            f"them is learned (the first, counted after the split: {first})",
        )  # fmt: skip
    if cut := sum(row.cut for row in encoded):
        report.alert("rows-cut", "info", f"{cut} of {len(rows)} {which} rows were cut to {encoder.max_length} tokens")
    return [row for row in encoded if _teaches(row)], len(empty)


def _teaches(row: Encoded) -> bool:
    """Whether any token after the first, which nothing predicts, is learned."""
    return any(label != IGNORED for label in row.labels[1:])


def _dataset(rows: list[Encoded], pack_to: int | None) -> datasets.Dataset:
    columns = {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    dataset = datasets.Dataset.from_dict(columns)
    return pack_dataset(dataset, pack_to, "bfd", {"keep_in_memory": True}) if pack_to else dataset


def _fingerprint(sets: list[datasets.Dataset]) -> str:
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
