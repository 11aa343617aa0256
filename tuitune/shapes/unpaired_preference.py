"""Single answers, each labelled good or bad, as KTO learns from them.

They become trl's explicit form, `{"prompt", "completion", "label"}`, whose sides are both turns or both plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuitune.rows.beside import Columns, Values, truth
from tuitune.rows.column_names import CONVERSATIONS, first
from tuitune.rows.fields import RowProblem, value_of
from tuitune.shapes import doubts
from tuitune.shapes.alpaca import ALPACA, alpaca_columns
from tuitune.shapes.columns import COLUMNS, pair_columns
from tuitune.shapes.messages import MESSAGES
from tuitune.shapes.prompt_completion import PROMPT_COMPLETION
from tuitune.shapes.shape import BESIDE, Canonical, Found, Roles, Shape, Sight, WayOut, Writing

LABELS = ("label", "kto_tag")


def label_column(rows: Sequence[Values]) -> str | None:
    """The column that labels answers as good or bad: it holds true and false, or nothing but 1 and 0."""
    for name in LABELS:
        held = [row[name] for row in rows if row.get(name) is not None]
        if held and (any(isinstance(one, bool) for one in held) or all(_is_truth(one) for one in held)):
            return name
    return None


def _is_truth(value: Any) -> bool:
    try:
        truth(value, "")
    except RowProblem:
        return False
    return True


def _seen_in(sight: Sight) -> Found | None:
    label, answered = sight.label, sight.answered
    if label is None or sight.values.get(label) is None or answered is None or "text" in dict(answered.columns):
        return None
    return Found("unpaired-preference", (*answered.columns, ("label", label)), f"an answer and {label}")


def _read(values: Values, columns: Columns) -> Canonical:
    names = dict(columns)
    column = names.pop("label", None) or first(LABELS, values) or "label"
    label = truth(value_of(values, column), column)
    names = names or _usual(values)
    row = _answered(names).convert(values, names)
    if "messages" not in row:
        return {**row, "label": label}
    turns = row.pop("messages")
    if turns[-1]["role"] != "assistant":
        message = "the conversation ends without an answer; the last turn is the one that is labelled"
        raise RowProblem(names.get("messages") or names.get("completion", ""), message, "no-answer")
    return {**row, "prompt": turns[:-1], "completion": turns[-1:], "label": label}


def _usual(values: Values) -> dict[str, str]:
    """The columns of prompt and answer by their usual names."""
    talk = first(CONVERSATIONS, values)
    return {"messages": talk} if talk else alpaca_columns(values) or pair_columns(values) or {}


def _answered(columns: Columns) -> Shape:
    """How prompt and answer lie in a labelled row. Plain texts in their usual columns stay plain."""
    if "messages" in columns:
        return MESSAGES
    if "output" in columns:
        return ALPACA
    usual = all(columns.get(role, role) == role for role in ("prompt", "completion"))
    return PROMPT_COMPLETION if usual else COLUMNS


def _written(row: Canonical) -> list[Values]:
    """A pair of answers becomes a good one and a bad one."""
    if "rejected" not in row:
        return [row]
    good, bad = ({"prompt": row["prompt"], "completion": row[side]} for side in ("chosen", "rejected"))
    return [{**good, "label": True}, {**bad, "label": False}]


def _doubt(row: Canonical, _values: Values, _columns: Columns) -> str:
    if doubts.repeats(row["prompt"], row["completion"]):
        return doubts.REPEATED
    doubt = doubts.about_answer(row["completion"]) if row["label"] else ""
    return f"{doubt} in an answer that is called good" if doubt else ""


def _ways_out(columns: dict[str, str]) -> list[WayOut]:
    label = columns.pop("label", "label")
    return [
        WayOut("learn from the good answers, drop the others", {**columns, "label": label}, drops_unusable=True),
        WayOut("learn from every answer, the bad ones too", columns),
    ]


UNPAIRED_PREFERENCE = Shape(
    name="unpaired-preference",
    rows_are="these are answers labelled good or bad",
    expected="an answer and a label, true for a good one",
    teaches="labels",
    roles=Roles(("prompt", "completion", "instruction", "input", "output", "messages", *BESIDE)),
    seen_in=_seen_in,
    read=_read,
    written=Writing(("labels", "preferences"), _written),
    doubt=_doubt,
    instead=(
        "to learn from the good ones alone, name the columns of the answers and the label in data.columns, and set "
        'cleaning.unusable = "drop"'
    ),
    ways_out=_ways_out,
)
