"""Plain text, all of which is learned."""

from __future__ import annotations

from tuitune.rows.beside import Columns, Values
from tuitune.rows.column_names import first
from tuitune.rows.fields import text, value_of
from tuitune.rows.plain import of_texts
from tuitune.shapes.shape import ANSWERING, Canonical, Found, Plain, Roles, Shape, Sight, Writing

TEXTS = ("text", "content", "document")


def _seen_in(sight: Sight) -> Found | None:
    name = next((name for name in TEXTS if isinstance(sight.values.get(name), str)), None)
    return Found("text", (("text", name),), f"text in {name}") if name else None


def read(values: Values, columns: Columns) -> Canonical:
    """The text of one column."""
    column = columns.get("text") or first(TEXTS, values) or "text"
    return {"text": text(value_of(values, column), column)}


def _written(row: Canonical) -> list[Values]:
    if "prompt" in row:
        return [{"text": row["prompt"] + row["completion"]}]
    return [row] if "text" in row else []


TEXT = Shape(
    name="text",
    rows_are="these rows are plain text",
    expected="text",
    teaches="text",
    roles=Roles(("text",), needed=("text",), telling="text", whole=True),
    seen_in=_seen_in,
    read=read,
    templated=False,
    plain=Plain(("text",), of_texts),
    written=Writing(ANSWERING, _written, {"a conversation": "it needs a chat template, which training applies"}),
)
