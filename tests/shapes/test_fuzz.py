"""Whatever a row holds, it is converted into what training takes or refused with the field; nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.shapes.turns import TOOL, assistant, call, system, user
from tuitune.data.detect import detect
from tuitune.data.purpose import refusal, ways_out
from tuitune.objectives import TRAINED
from tuitune.rows.fields import RowProblem
from tuitune.shapes import READABLE, to_canonical
from tuitune.shapes.vision import check_files
from tuitune.text import clean

KINDS = ["encoding", "type", "missing", "empty", "role-order", "no-answer", "tools", "vision", "too-deep", "other"]
TURN_KEYS = ["role", "content", "from", "value", "text", "type", "tool_calls", "function_call", "name", "arguments"]
ROW_KEYS = ["messages", "conversations", "tools", "image", "label", "system", "history", "text", "chosen", "rejected"]
PAIR_KEYS = ["instruction", "input", "output", "prompt", "completion", "question", "answer", "function", "human"]
KEYS = st.sampled_from([*TURN_KEYS, *ROW_KEYS, *PAIR_KEYS, "\x1b[2J"])
ROLES = ["user", "gpt", "human", "tool", "system", "assistant", "function_call", "observation", "text", "image_url"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.just("\ud800")
    | st.just("\n\nHuman: a\n\nAssistant: b")
    | st.sampled_from(ROLES)
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2), max_leaves=4
)
CALLS = st.lists(
    st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": JSON}, optional={"arguments": JSON})}), max_size=1
)
TURN = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(ROLES),
        "from": st.sampled_from(ROLES),
        "content": JSON,
        "value": JSON,
        "tool_calls": CALLS,
    },
)
VALUES = JSON | st.lists(TURN, max_size=3) | st.lists(TURN, max_size=2).map(json.dumps) | TURN
ROWS = st.dictionaries(st.sampled_from(ROW_KEYS + PAIR_KEYS), VALUES, max_size=4)


@hypothesis(deadline=None)
@given(st.lists(ROWS, max_size=2))
def test_whatever_the_rows_hold_only_row_problems_are_raised(rows: list[dict[str, Any]]) -> None:
    found = detect(rows)
    assert 0 <= found.share <= 1 and found.reason == clean(found.reason)
    for row in rows:
        for shape in {found.shape, *READABLE}:
            _convert(to_canonical, row, shape, found.columns if shape == found.shape else {})
        for objective in TRAINED.values():
            for way in ways_out(found, objective, row):
                assert refusal(found.shape, objective) and way.label == clean(way.label)


@hypothesis(deadline=None, max_examples=50)
@given(ROWS)
def test_whatever_the_row_holds_its_images_are_looked_for_safely(row: dict[str, Any]) -> None:
    try:
        check_files(row, Path("/nowhere"))
    except RowProblem as problem:
        assert problem.kind == "vision" and problem.message == clean(problem.message)


def _convert(convert: Any, row: dict[str, Any], shape: str, columns: dict[str, str]) -> None:
    try:
        canonical = convert(row, shape, columns)
    except RowProblem as problem:
        assert problem.kind in KINDS and problem.message == clean(problem.message)
    else:
        _check(canonical)


def _check(row: dict[str, Any]) -> None:
    """That a row is one that training takes, whole and to be written as JSON in UTF-8."""
    json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    forms = [{"messages"}, {"text"}, {"prompt", "completion"}, {"prompt", "chosen", "rejected"}, {"messages", "answer"}]
    assert set(row) - {"tools", "label"} in forms
    assert "tools" not in row or (row["tools"] and all(one["function"]["name"] for one in row["tools"]))
    assert "label" not in row or isinstance(row["label"], bool)
    for key in set(row) - {"tools", "label"}:
        assert row[key]
        for turn in row[key] if isinstance(row[key], list) else []:
            assert turn["role"] in ("system", "user", "assistant", "tool") and isinstance(turn["content"], str)
            assert turn["content"].strip() or turn["role"] == "tool" or turn["tool_calls"]
            assert all(isinstance(one["function"]["arguments"], dict) for one in turn.get("tool_calls", ()))


TEXT = st.text(min_size=1, max_size=20).filter(str.strip)
ARGUMENTS = st.dictionaries(st.text(max_size=3), st.integers(-9, 9) | TEXT, max_size=2)


@hypothesis(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.none() | ARGUMENTS), min_size=1, max_size=3), st.none() | TEXT)
def test_conversations_survive_as_they_are(
    rounds: list[tuple[str, str, dict[str, Any] | None]], before: str | None
) -> None:
    turns = [system(before)] if before else []
    for asked, said, arguments in rounds:
        turns.append(user(asked))
        if arguments is not None:
            turns += [assistant("", tool_calls=[call("f", **arguments)]), {"role": "tool", "content": said}]
        turns.append(assistant(said))
    row = {"messages": turns, "tools": [TOOL]}
    assert to_canonical(row, "tools") == row
    shared = {"conversations": [_sharegpt(turn) for turn in turns]}
    assert to_canonical(shared, detect([shared]).shape) == {"messages": turns}


def _sharegpt(turn: dict[str, Any]) -> dict[str, Any]:
    if calls := turn.get("tool_calls"):
        return {"from": "function_call", "value": json.dumps(calls[0]["function"])}
    names = {"user": "human", "assistant": "gpt", "tool": "observation"}
    return {"from": names.get(turn["role"], turn["role"]), "value": turn["content"]}
