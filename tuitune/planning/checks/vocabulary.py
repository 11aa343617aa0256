"""Tokens that are not there: added to a tokenizer alone, so that the model has no embedding for them and training on
one fails; or to be trained by a name that the vocabulary does not have.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
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

_WHOLE = 128 << 20
"""More bytes than any tokenizer.json has."""

TRAINABLE = "adapter.trainable_tokens"

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


def absent_tokens(recipe: Recipe, folder: Path | None) -> list[Problem]:
    """A problem for each token that is to be trained and that the model's tokenizer.json does not have."""
    wanted = recipe.adapter.trainable_tokens if recipe.method.uses("trainable_tokens") else []
    if not wanted or folder is None or (known := _vocabulary(folder)) is None:
        return []
    return [Problem(TRAINABLE, no_token(token, known)) for token in wanted if token not in known]


def no_token(token: str, known: Iterable[str]) -> str:
    """What is wrong with a token that is none of the vocabulary's, with one that may be meant."""
    marked = [one for one in known if one.startswith("<")]
    near = difflib.get_close_matches(token, marked, n=1)
    guess = f" (did you mean {clean(near[0], limit=60)}?)" if near else ""
    return f"the vocabulary has no token {clean(token, limit=60)}{guess}; write it as tokenizer.json does, or remove it"


def _vocabulary(folder: Path) -> set[str] | None:
    """Every token in a tokenizer.json; None where it cannot be read."""
    try:
        told = json.loads(plain.head(folder / "tokenizer.json", _WHOLE))
        ordinary = told["model"]["vocab"]
        pieces = ordinary if isinstance(ordinary, dict) else [str(piece[0]) for piece in ordinary]
        return {*pieces, *(str(entry["content"]) for entry in told.get("added_tokens") or [])}
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


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
