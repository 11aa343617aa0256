"""Tokens that were added to a tokenizer alone: the model has no embedding for them, and training on one fails."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from tuitune import plain
from tuitune.data.sources.names import open_source, resolve
from tuitune.hardware.model_facts import ModelFacts
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.text import clean

_BEGINNING = 4 << 20
"""Bytes of a tokenizer.json that hold its added tokens: they stand before its vocabulary."""

_SAMPLE = 200
_KEY = '"added_tokens"'


def unknown_tokens(recipe: Recipe, base: Path, folder: Path | None, facts: ModelFacts | None) -> list[Problem]:
    """A problem where the first training rows, or the prompts, use a token past the end of the model's embedding.

    The engine looks at all rows; this looks at what a screen can read.
    """
    vocab = facts.vocab if facts else None
    added = _added(folder, vocab) if folder and vocab else {}
    if not added or not vocab:
        return []
    places = {"data.train": _rows(recipe, base), "samples.prompts": "\n".join(recipe.samples.prompts)}
    found = [(key, token) for key, text in places.items() for token in added if token in text]
    return [Problem(key, beyond(token, added[token], vocab)) for key, token in found[:1]]


def beyond(token: str, number: int, rows: int) -> str:
    """What is wrong with a token of such a `number` where the embedding has `rows`, and what helps."""
    return (
        f"the token {clean(token, limit=60)} has id {number:,}, but the model's embedding ends at {rows - 1:,}: it was "
        "added only to the tokenizer. Use a model whose embeddings were resized too (resize_token_embeddings), or "
        "remove the token"
    )


def _added(folder: Path, vocab: int) -> dict[str, int]:
    """The added tokens of a tokenizer that are numbered past `vocab`."""
    try:
        text = plain.head(folder / "tokenizer.json", _BEGINNING).decode("utf-8", "replace")
        place = text.index("[", text.index(_KEY))
        entries, _ = json.JSONDecoder().raw_decode(text, place)
        return {str(entry["content"]): entry["id"] for entry in entries if entry["content"] and entry["id"] >= vocab}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _rows(recipe: Recipe, base: Path) -> str:
    try:
        source = resolve(recipe.data.train, base=base)
        rows = list(islice(open_source(source), min(_SAMPLE, recipe.data.limit or _SAMPLE))) if source.light else []
    except TuituneError:
        return ""
    return "\n".join(json.dumps(row.values, ensure_ascii=False, default=str) for row in rows if row.values)
