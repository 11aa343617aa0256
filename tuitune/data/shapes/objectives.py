"""What each objective learns from: the shapes it takes, why it cannot take another, and the way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tuitune.data.rows.fields import RowProblem, quoted
from tuitune.data.shapes.convert import Columns, to_canonical
from tuitune.data.shapes.detect import EXPECTED, Detection
from tuitune.data.shapes.preferences import to_preference, to_unpaired
from tuitune.recipe.roles import shape_of
from tuitune.text import clean

Objective = Literal["sft", "dpo", "kto"]
Converter = Callable[[Mapping[str, Any], str, Columns | None], dict[str, Any]]

ANSWERED = ("alpaca", "messages", "sharegpt", "tools", "prompt-completion", "columns", "text")
TAKEN: dict[Objective, tuple[str, ...]] = {
    "sft": ANSWERED,
    "dpo": ("preference",),
    "kto": ("unpaired-preference", "preference"),
}
"""Shapes by objective. KTO takes pairs too: trl makes a good and a bad answer of each."""

_GUESSED = 3
_VISION = "these rows have images, and only text models are trained here; keep the columns of text"
_ONE_ANSWER = (
    "these rows have one answer each, all of them good, and {objective} needs {wanted}; train on them with sft"
)
_COMPARED = "a rejected answer beside each chosen one"
_UNKNOWN = f"unknown shape of rows; {EXPECTED}, or name the columns in data.columns"
_REFUSED: dict[Objective, dict[str, str]] = {
    "sft": {
        "preference": (
            "these are preferences (chosen and rejected answers), which sft does not take; to learn from the chosen "
            "answers alone, name their columns in data.columns"
        ),
        "unpaired-preference": (
            "these are answers labelled good or bad, which sft does not take; to learn from the good ones alone, name "
            'the columns of the answers and the label in data.columns, and set cleaning.unusable = "drop"'
        ),
    },
    "dpo": {
        "unpaired-preference": (
            "these are single answers labelled good or bad, and dpo compares two answers to one question; train on "
            "them with kto"
        ),
        "unknown": "unknown shape of rows; expected prompt, chosen and rejected, or chosen and rejected alone",
        **dict.fromkeys(ANSWERED, _ONE_ANSWER.format(objective="dpo", wanted=_COMPARED)),
    },
    "kto": {
        "unknown": "unknown shape of rows; expected an answer and a label, true for a good one, in each",
        **dict.fromkeys(ANSWERED, _ONE_ANSWER.format(objective="kto", wanted="answers labelled good or bad")),
    },
}


@dataclass(frozen=True)
class WayOut:
    """Something that can be done about data an objective does not take: in words, and as changes to the recipe."""

    label: str
    changes: dict[str, Any] = field(default_factory=dict)


def refusal(shape: str, objective: Objective = "sft") -> str | None:
    """Why an objective cannot take a shape, and the way out; None where it can."""
    if shape in TAKEN[objective]:
        return None
    return _REFUSED[objective].get(shape) or (_VISION if shape == "vision" else _UNKNOWN)


def refusal_of(found: Detection, objective: Objective, row: Mapping[str, Any] | None) -> str | None:
    """The same for data as it was found, with the settings of the likeliest way out, by a `row` of it."""
    if found.unreadable:
        return found.unreadable
    if (reason := refusal(found.shape, objective)) is None or row is None:
        return reason
    ways = ways_out(found, objective, row)
    return f"{reason}: {_written(ways[0].changes)}" if ways and found.columns else reason


def _written(changes: Mapping[str, Any]) -> str:
    """Settings as a recipe has them: `data.shape = "columns", data.columns = { prompt = "q", completion = "a" }`."""
    return ", ".join(f"{key} = {_value(value)}" for key, value in changes.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_value(one)}' for name, one in value.items())} }}"
    return json.dumps(clean(str(value), limit=80))


def convert_for(objective: Objective) -> Converter:
    """What makes a row into the form that an objective's trainer takes. It raises RowProblem."""
    return {"sft": to_canonical, "dpo": to_preference, "kto": _to_kto}[objective]


def _to_kto(values: Mapping[str, Any], shape: str, columns: Columns | None = None) -> dict[str, Any]:
    return (to_preference if shape == "preference" else to_unpaired)(values, shape, columns)


def ways_out(found: Detection, objective: Objective = "sft", row: Mapping[str, Any] | None = None) -> list[WayOut]:
    """What can be done, likeliest first, about data whose shape an objective does not take.

    With a `row` of it, only what makes that row usable, and for data of no known shape what its columns allow.
    """
    if refusal(found.shape, objective) is None or objective != "sft":
        return []
    ways = _ways(found, row or {})
    return ways if row is None else [way for way in ways if _works(way, row)]


def _ways(found: Detection, row: Mapping[str, Any]) -> list[WayOut]:
    columns = dict(found.columns)
    if found.shape == "preference":
        return _chosen_alone(columns)
    if found.shape == "unpaired-preference":
        label = columns.pop("label", "label")
        kept = {**columns, "label": label}
        drop = {"cleaning.unusable": "drop"}
        return [
            WayOut("learn from the good answers, drop the others", {**_read(kept), **drop}),
            WayOut("learn from every answer, the bad ones too", _read(columns)),
        ]
    if found.shape == "vision":
        return [WayOut("learn from the text alone", _read(columns))] if columns else []
    return _guesses(row)


def _chosen_alone(columns: dict[str, str]) -> list[WayOut]:
    label, chosen = "learn from the chosen answers", columns.pop("chosen", "chosen")
    columns.pop("rejected", None)
    if "instruction" in columns:
        return [WayOut(label, _read({**columns, "output": chosen}))]
    if "prompt" in columns:
        return [WayOut(label, _read({**columns, "completion": chosen}))]
    return [
        WayOut("learn from the chosen conversations", _read({**columns, "messages": chosen})),
        WayOut("learn from the chosen texts", _read({"text": chosen})),
    ]


def _guesses(row: Mapping[str, Any]) -> list[WayOut]:
    """Every reading of the first few columns of text: one as the answer to another, or one alone."""
    names = [str(name) for name, value in row.items() if isinstance(value, str) and value.strip()][:_GUESSED]
    pairs = [(asked, said) for asked in names for said in names if asked != said]
    answers = [
        WayOut(f"learn {quoted(said)} as the answer to {quoted(asked)}", _read({"prompt": asked, "completion": said}))
        for asked, said in pairs
    ]
    return answers + [WayOut(f"learn {quoted(name)} as plain text", _read({"text": name})) for name in names]


def _read(columns: dict[str, str]) -> dict[str, Any]:
    """The settings that read these columns; plain text is learned whole, since it has no answers."""
    shape = shape_of(columns)
    changes: dict[str, Any] = {"data.shape": shape, "data.columns": columns}
    return {**changes, "data.loss_on": "all"} if shape == "text" else changes


def _works(way: WayOut, row: Mapping[str, Any]) -> bool:
    """Whether the row becomes usable, but for a label that calls it bad."""
    columns = {role: name for role, name in way.changes["data.columns"].items() if role != "label"}
    try:
        to_canonical(row, way.changes["data.shape"], columns)
    except RowProblem:
        return False
    return True
