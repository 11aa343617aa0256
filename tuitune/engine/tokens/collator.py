"""From tokenized rows to a batch: flattened into one row of documents, or padded to a rectangle.

A row has `input_ids`, `labels` (-100 where nothing is learned) and, where it holds several packed documents, their
`seq_lengths`; a pair has the same twice, named after its sides. `tokens` in a batch counts its real tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, chain
from typing import Any

import torch

Row = dict[str, Any]
Batch = dict[str, Any]
IGNORED = -100


def collator(*, flat: bool, pad_token_id: int, multiple: int = 1) -> Callable[[Sequence[Row]], Batch]:
    """The collate function of a run: `flat`, to a `multiple` of tokens, where documents are kept apart; else padded."""
    fill = partial(flatten, multiple=multiple) if flat else pad
    return partial(fill, pad_token_id=pad_token_id)


def flatten(rows: Sequence[Row], *, pad_token_id: int = 0, multiple: int = 1) -> Batch:
    """All documents of all rows end to end in one row, with their positions and boundaries, and never a mask.

    The first token of a document is no target: what stands before it in the row belongs to another. What fills the row
    up is a document of its own, of which nothing is learned.
    """
    real = sum(len(row["input_ids"]) for row in rows)
    if filling := -real % multiple:
        rows = [*rows, {"input_ids": [pad_token_id] * filling, "labels": [IGNORED] * filling}]
    lengths = list(chain.from_iterable(row.get("seq_lengths") or [len(row["input_ids"])] for row in rows))
    starts = list(accumulate(lengths, initial=0))
    ids = torch.tensor([list(chain.from_iterable(row["input_ids"] for row in rows))])
    labels = torch.tensor([list(chain.from_iterable(row["labels"] for row in rows))])
    labels[0, starts[:-1]] = IGNORED
    boundaries = torch.tensor(starts, dtype=torch.int32)
    return {
        "input_ids": ids,
        "labels": labels,
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "cu_seq_lens_q": boundaries,
        "cu_seq_lens_k": boundaries,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
        "document_lengths": lengths,
        "tokens": real,
    }


def pad(rows: Sequence[Row], *, pad_token_id: int) -> Batch:
    """One document a row, padded on the right, with an attention mask."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), longest), pad_token_id)
    labels = torch.full((len(rows), longest), IGNORED)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[index, :length] = torch.tensor(row["input_ids"])
        labels[index, 1:length] = torch.tensor(row["labels"][1:])
        mask[index, :length] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask, "tokens": int(mask.sum())}


def pad_pairs(rows: Sequence[Row], *, pad_token_id: int) -> Batch:
    """One answer a row, padded on the right: the chosen ones first, the rejected ones after them in the same order.

    As trl's trainers take it: `completion_mask` is 1 where an answer is learned.
    """
    return _masked(pad(_sides(rows), pad_token_id=pad_token_id))


def pad_answers(rows: Sequence[Row], *, pad_token_id: int) -> Batch:
    """As `pad_pairs`, without what is learned of the answers."""
    batch = pad(_sides(rows), pad_token_id=pad_token_id)
    del batch["labels"]
    return batch


def pad_labelled(rows: Sequence[Row], *, pad_token_id: int, most: int) -> Batch:
    """One labelled answer a row, padded on the right, with its `label`; and under names that begin with KL_ each
    question with the answer of the row before it, of at most so many tokens. As trl's `KTOTrainer` takes it.
    """
    begins = [_first_learned(row) for row in rows]
    before = [*zip(rows[-1:], begins[-1:], strict=True), *zip(rows[:-1], begins[:-1], strict=True)]
    strangers = [
        {
            "input_ids": (row["input_ids"][:asked] + other["input_ids"][begun:])[:most],
            "labels": ([IGNORED] * asked + other["labels"][begun:])[:most],
        }
        for row, asked, (other, begun) in zip(rows, begins, before, strict=True)
    ]
    batch, compared = (_masked(pad(part, pad_token_id=pad_token_id)) for part in (rows, strangers))
    del compared["tokens"]
    label = torch.tensor([bool(row["good"][0]) for row in rows])
    return {**batch, **{f"KL_{name}": value for name, value in compared.items()}, "label": label}


def _sides(rows: Sequence[Row]) -> list[Row]:
    return [
        {"input_ids": row[f"{side}_ids"], "labels": row[f"{side}_labels"]}
        for side in ("chosen", "rejected")
        for row in rows
    ]


def _masked(batch: Batch) -> Batch:
    learned = (batch.pop("labels") != IGNORED).long()
    return {**batch, "completion_mask": learned}


def _first_learned(row: Row) -> int:
    return next(place for place, label in enumerate(row["labels"]) if label != IGNORED)
