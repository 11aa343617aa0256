"""Tokens that a tokenizer has and its model does not: each would be looked up past the end of the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tuitune.engine.process.failures import EngineError
from tuitune.planning.checks.vocabulary import beyond


def refuse_unknown(tokens: Sequence[int], tokenizer: PreTrainedTokenizerBase, model: Any, key: str) -> None:
    """EngineError where the greatest of `tokens` has no embedding in the model; `key` is the setting they come from."""
    known = model.get_input_embeddings().weight.shape[0]
    if (greatest := max(tokens, default=0)) >= known:
        raise EngineError(f"{key}: {beyond(str(tokenizer.convert_ids_to_tokens(greatest)), greatest, known)}")


def refuse_unknown_rows(rows: Dataset | None, tokenizer: PreTrainedTokenizerBase, model: Any, key: str) -> None:
    """As `refuse_unknown`, for all tokens of tokenized rows."""
    if rows is not None and len(rows):
        column = rows.with_format("arrow")[:].column("input_ids")
        refuse_unknown([pyarrow.compute.max(pyarrow.compute.list_flatten(column)).as_py()], tokenizer, model, key)
