"""trl's `prompt` and `completion`, which stay plain text where both are, and nothing stands beside them."""

from __future__ import annotations

from tuitune.rows.beside import Columns, Values, says_beside
from tuitune.rows.fields import text, value_of
from tuitune.shapes import columns as pairs
from tuitune.shapes.shape import ANSWERING, Canonical, Found, Shape, Sight, Writing, listed

_USUAL = {"prompt": "prompt", "completion": "completion"}


def _seen_in(sight: Sight) -> Found | None:
    pair = pairs.pair_columns(sight.values)
    return Found("prompt-completion", tuple(pair.items()), listed(pair.values())) if pair == _USUAL else None


def _read(values: Values, columns: Columns) -> Canonical:
    columns = {**_USUAL, **columns}
    prompt, completion = columns["prompt"], columns["completion"]
    given, answer = value_of(values, prompt), value_of(values, completion)
    turns = isinstance(given, list | dict) or isinstance(answer, list | dict)
    if turns or "system" in columns or says_beside(values, columns):
        return pairs.read(values, columns)
    return {"prompt": text(given, prompt), "completion": text(answer, completion)}


def _written(row: Canonical) -> list[Values]:
    """A conversation parts before its last answer; turns after it, which nothing learns from, fall away."""
    if "messages" not in row:
        return [row] if "prompt" in row else []
    turns = row["messages"]
    last = max(place for place, turn in enumerate(turns) if turn["role"] == "assistant")
    tools = {"tools": row["tools"]} if "tools" in row else {}
    return [{"prompt": turns[:last], "completion": [turns[last]], **tools}]


PROMPT_COMPLETION = Shape(
    name="prompt-completion",
    expected="prompt and completion",
    roles=pairs.PAIR,
    seen_in=_seen_in,
    read=_read,
    templated=False,
    plain=pairs.PLAIN_PAIR,
    written=Writing(ANSWERING, _written, {"plain text": "no part of it is marked as the answer; train on it as it is"}),
)
