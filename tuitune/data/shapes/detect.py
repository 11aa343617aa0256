"""Shapes of data: what a row is made of, recognised from the rows, and made into what training takes.

Training takes `{"messages": [turn, …]}`, `{"prompt": str, "completion": str}` or `{"text": str}`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuitune.data.shapes.turns import TOOL_ROLES, names_of, turn_keys

TRAINABLE = ("alpaca", "messages", "sharegpt", "prompt-completion", "columns", "text")
"""Shapes that supervised fine-tuning takes."""

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
PAIRS = (
    ("question", "answer"),
    ("query", "response"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("input", "output"),
    ("question", "response"),
    ("query", "answer"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("instruction", "completion"),
    ("input", "target"),
    ("source", "target"),
    ("user", "assistant"),
)
"""Columns recognised as a prompt and its completion, the likeliest first."""

TEXTS = ("text", "content", "document")
_IMAGES = ("image", "images", "image_path", "pixel_values")
_MEDIA = ("image", "input_image", "video", "audio")
_TOOLS = ("tools", "functions", "tool_calls")
_LABELS = ("label", "kto_tag")
_EXPECTED = (
    "expected instruction and output (Alpaca), messages, conversations (ShareGPT), prompt and completion, "
    "a pair such as question and answer, or text"
)


@dataclass(frozen=True)
class Detection:
    """The shape most rows have. `columns` maps roles to column names, `share` is 0 to 1, `reason` says why in words."""

    shape: str
    columns: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    share: float = 0.0


def detect(rows: Sequence[Mapping[str, Any]]) -> Detection:
    """The shape of the rows, by what most of them hold; `unknown` where that is nothing known."""
    if not rows:
        return Detection("unknown", reason="there are no rows")
    found = Counter(recognised for row in rows if (recognised := _recognise(row)) is not None)
    total = len(rows)
    if not found:
        names = Counter(tuple(row) for row in rows).most_common(1)[0][0]
        return Detection("unknown", reason=f"found {names_of(dict.fromkeys(names))}; {_EXPECTED}")
    (shape, pairs, evidence), count = found.most_common(1)[0]
    columns = dict(pairs)
    if shape in ("columns", "prompt-completion") and any(isinstance(row.get("system"), str) for row in rows):
        columns["system"] = "system"
    return Detection(shape, columns, f"{evidence} in {count:,} of {total:,} rows", count / total)


def refusal(shape: str) -> str | None:
    """Why supervised fine-tuning cannot take a shape, and the way out; None where it can."""
    return {
        "preference": (
            "these are preferences (chosen and rejected answers), which sft does not take; to learn from the chosen "
            'answers alone, set data.shape = "columns" and data.columns = { prompt = "…", completion = "chosen" }'
        ),
        "unpaired-preference": (
            "these are answers labelled good or bad, which sft does not take; keep the good ones and drop the label"
        ),
        "tools": "these are conversations with tool calls, which sft does not take yet; keep the rows without them",
        "vision": "these rows have images, and only text models are trained here; keep the text columns",
        "unknown": f"the rows are of no known shape; {_EXPECTED}, or name the columns in data.columns",
    }.get(shape)


_Recognised = tuple[str, tuple[tuple[str, str], ...], str]


def _recognise(row: Mapping[str, Any]) -> _Recognised | None:
    """Shape, columns and evidence of one row."""
    for special in (_vision, _preference, _chat, _alpaca, _pair):
        if found := special(row):
            return found
    name = next((name for name in TEXTS if isinstance(row.get(name), str)), None)
    return ("text", (("text", name),), f"text in {name}") if name else None


def _vision(row: Mapping[str, Any]) -> _Recognised | None:
    name = next((name for name in _IMAGES if row.get(name)), None)
    if name:
        return "vision", (), f"images in {name}"
    turns = row.get(_conversation_column(row) or "")
    for one in turns if isinstance(turns, list) else ():
        parts = one.get("content") if isinstance(one, Mapping) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping) and str(part.get("type", "")).startswith(_MEDIA):
                return "vision", (), "image parts in messages"
    return None


def _preference(row: Mapping[str, Any]) -> _Recognised | None:
    if row.get("chosen") is not None and row.get("rejected") is not None:
        return "preference", (("chosen", "chosen"), ("rejected", "rejected")), "chosen and rejected"
    label = next((name for name in _LABELS if isinstance(row.get(name), bool)), None)
    if label and (_conversation_column(row) or ("prompt" in row and "completion" in row)):
        return "unpaired-preference", (("label", label),), f"an answer and {label}"
    return None


def _chat(row: Mapping[str, Any]) -> _Recognised | None:
    column = _conversation_column(row)
    if column is None:
        return None
    turns = [one for one in row[column] if isinstance(one, Mapping)]
    roles = {str(one.get(turn_keys(one)[0], "")).lower() for one in turns}
    if roles & TOOL_ROLES or any(one.get("tool_calls") for one in turns) or any(row.get(name) for name in _TOOLS):
        return "tools", (("messages", column),), f"tool calls in {column}"
    role, content = turn_keys(turns[0])
    shape = "sharegpt" if role == "from" else "messages"
    return shape, (("messages", column),), f"{column} with {role} and {content}"


def _conversation_column(row: Mapping[str, Any]) -> str | None:
    for name in CONVERSATIONS:
        value = row.get(name)
        if isinstance(value, list) and value and isinstance(value[0], Mapping) and {"role", "from"} & set(value[0]):
            return name
    return None


def _alpaca(row: Mapping[str, Any]) -> _Recognised | None:
    if "instruction" in row and "output" in row:
        columns = (("instruction", "instruction"), ("input", "input"), ("output", "output"))
        return "alpaca", columns, "instruction and output"
    if {"instruction", "context", "response"} <= set(row):
        columns = (("instruction", "instruction"), ("input", "context"), ("output", "response"))
        return "alpaca", columns, "instruction, context and response"
    return None


def _pair(row: Mapping[str, Any]) -> _Recognised | None:
    if "prompt" in row and "completion" in row:
        columns = (("prompt", "prompt"), ("completion", "completion"))
        return "prompt-completion", columns, "prompt and completion"
    pair = next((pair for pair in PAIRS if pair[0] in row and pair[1] in row), None)
    if pair is None:
        return None
    return "columns", (("prompt", pair[0]), ("completion", pair[1])), f"{pair[0]} and {pair[1]}"
