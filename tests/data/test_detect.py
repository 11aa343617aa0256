"""Shapes are recognised from rows, with the reason, the columns and the share of rows that have them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.shapes.turns import ANSWER, GPT, HUMAN, IMAGE, TOOL, USER, assistant, call
from tuitune.data.detect import detect, recognise
from tuitune.data.sources.rows import Row
from tuitune.shapes import shape_of

ALPACA = {"instruction": "instruction", "input": "input", "output": "output"}
CHOSEN = {"chosen": "chosen", "rejected": "rejected"}
TALK = {"messages": "messages"}
SHAREGPT = {"messages": "conversations"}
DIALOGUE = "\n\nHuman: Hi\n\nAssistant: Hello"


@pytest.mark.parametrize(
    ("row", "shape", "columns"),
    [
        ({"instruction": "a", "input": "", "output": "b"}, "alpaca", ALPACA),
        ({"instruction": "a", "output": "b"}, "alpaca", ALPACA),
        (
            {"instruction": "a", "context": "c", "response": "b"},
            "alpaca",
            ALPACA | {"input": "context", "output": "response"},
        ),
        ({"messages": [USER, ANSWER]}, "messages", TALK),
        ({"messages": json.dumps([USER, ANSWER])}, "messages", TALK),
        ({"conversation": [USER, ANSWER], "id": 3}, "messages", {"messages": "conversation"}),
        ({"conversation": [{"input": "a", "output": "b"}]}, "messages", {"messages": "conversation"}),
        ({"conversation": [{"human": "a", "assistant": "b"}]}, "messages", {"messages": "conversation"}),
        ({"dialogue": [{"speaker": "user", "text": "a"}]}, "messages", {"messages": "dialogue"}),
        ({"conversations": [HUMAN, GPT]}, "sharegpt", SHAREGPT),
        ({"conversations": json.dumps([HUMAN, GPT])}, "sharegpt", SHAREGPT),
        ({"conversations": [{"from": "user", "content": "a"}]}, "sharegpt", SHAREGPT),
        ({"system": "s", "conversations": [HUMAN, GPT]}, "sharegpt", SHAREGPT | {"system": "system"}),
        ({"prompt": "a", "completion": "b"}, "prompt-completion", {"prompt": "prompt", "completion": "completion"}),
        ({"prompt": "a", "response": "b"}, "columns", {"prompt": "prompt", "completion": "response"}),
        ({"question": "a", "answer": "b"}, "columns", {"prompt": "question", "completion": "answer"}),
        ({"query": "a", "response": "b"}, "columns", {"prompt": "query", "completion": "response"}),
        ({"input": "a", "output": "b"}, "columns", {"prompt": "input", "completion": "output"}),
        ({"instruction": "a", "response": "b"}, "columns", {"prompt": "instruction", "completion": "response"}),
        (
            {"system": "s", "question": "a", "answer": "b"},
            "columns",
            {"prompt": "question", "completion": "answer", "system": "system"},
        ),
        ({"text": "a"}, "text", {"text": "text"}),
        ({"content": "a", "id": 3}, "text", {"text": "content"}),
        ({"text": "a", "label": True}, "text", {"text": "text"}),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference", {"prompt": "prompt"} | CHOSEN),
        ({"question": "a", "chosen": "b", "rejected": "c"}, "preference", {"prompt": "question"} | CHOSEN),
        (
            {"instruction": "a", "input": "b", "chosen": "c", "rejected": "d"},
            "preference",
            {"instruction": "instruction", "input": "input"} | CHOSEN,
        ),
        (
            {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT},
            "preference",
            {"prompt": "conversations"} | CHOSEN,
        ),
        ({"prompt": "a", "chosen": [USER, ANSWER], "rejected": [USER, ANSWER]}, "preference", CHOSEN),
        ({"prompt": "a", "chosen": [ANSWER], "rejected": [ANSWER]}, "preference", {"prompt": "prompt"} | CHOSEN),
        ({"chosen": DIALOGUE, "rejected": DIALOGUE}, "preference", CHOSEN),
        (
            {"question": "a", "response_j": "b", "response_k": "c"},
            "preference",
            {"prompt": "question", "chosen": "response_j", "rejected": "response_k"},
        ),
        ({"messages": [USER, ANSWER], "label": True}, "unpaired-preference", TALK | {"label": "label"}),
        ({"messages": [USER, ANSWER], "label": 0}, "unpaired-preference", TALK | {"label": "label"}),
        (
            {"prompt": "a", "completion": "b", "kto_tag": "false"},
            "unpaired-preference",
            {"prompt": "prompt", "completion": "completion", "label": "kto_tag"},
        ),
        (
            {"instruction": "a", "input": "", "output": "b", "kto_tag": True},
            "unpaired-preference",
            ALPACA | {"label": "kto_tag"},
        ),
        ({"messages": [USER, ANSWER], "tools": [TOOL]}, "tools", TALK | {"tools": "tools"}),
        ({"messages": [USER, ANSWER], "tools": json.dumps([TOOL])}, "tools", TALK | {"tools": "tools"}),
        ({"messages": [USER, ANSWER], "tools": []}, "messages", TALK),
        ({"messages": [USER, ANSWER], "tools": "[]"}, "messages", TALK),
        ({"messages": [USER, {"role": "tool", "content": "3"}]}, "tools", TALK),
        ({"messages": [USER, assistant("", tool_calls=[call("f")])]}, "tools", TALK),
        ({"messages": [USER, assistant("", function_call={"name": "f"})]}, "tools", TALK),
        ({"conversations": [HUMAN, {"from": "function_call", "value": "{}"}]}, "tools", SHAREGPT),
        ({"image": "x.png", "question": "a", "answer": "b"}, "vision", {"prompt": "question", "completion": "answer"}),
        ({"images": ["x.png"], "messages": [USER, ANSWER]}, "vision", TALK),
        ({"messages": [IMAGE, ANSWER]}, "vision", {}),
        ({"image": "", "question": "a", "answer": "b"}, "columns", {"prompt": "question", "completion": "answer"}),
        ({"id": 3, "body": "x"}, "unknown", {}),
        ({"messages": []}, "unknown", {}),
        ({"messages": "[1"}, "unknown", {}),
        ({}, "unknown", {}),
    ],
)
def test_a_shape_is_recognised(row: dict[str, Any], shape: str, columns: dict[str, str]) -> None:
    found = detect([row] * 3)
    assert (found.shape, found.columns) == (shape, columns)
    if shape != "unknown":
        assert found.share == 1 and found.reason.endswith("in 3 of 3 rows")


def test_the_reason_says_what_was_found() -> None:
    rows: list[dict[str, Any]] = [{"question": "a", "answer": "b"}] * 3 + [{"text": "c"}]
    found = detect(rows)
    assert found.reason == "question and answer in 3 of 4 rows" and found.share == 0.75
    unknown = detect([{"id": 3, "body": "x"}]).reason
    assert unknown.startswith("found id, body; expected ") and "instruction and output (Alpaca)" in unknown
    assert detect([]).reason == "there are no rows"


def test_names_of_columns_are_harmless_in_the_reason() -> None:
    reason = detect([{"\x1b[31mred\x1b[0m": 1, "[bold]b[/]": 2}]).reason
    assert "\x1b" not in reason and "red" in reason


def test_conversations_with_tool_calls_and_without_are_one_shape() -> None:
    plain = {"messages": [USER, ANSWER]}
    found = detect([plain] * 8 + [{**plain, "tools": [TOOL]}, {"messages": [HUMAN, GPT]}])
    assert (found.shape, found.share) == ("tools", 1.0)
    assert found.reason == "messages with role and content in 10 of 10 rows, tool calls in 1"
    assert found.columns == {"messages": "messages", "tools": "tools"}


def test_a_label_of_numbers_is_a_verdict_only_where_it_is_always_one_or_nought() -> None:
    row = {"prompt": "a", "completion": "b"}
    assert detect([{**row, "label": 1}, {**row, "label": 0}]).shape == "unpaired-preference"
    assert detect([{**row, "label": 1}, {**row, "label": 2}]).shape == "prompt-completion"
    assert detect([{**row, "label": True}] * 2 + [{**row, "label": "odd"}]).shape == "unpaired-preference"


def test_a_shape_that_is_given_is_taken_and_roles_tell_theirs() -> None:
    rows = [Row(1, 1, {"text": "a"}), Row(2, 2, None, "broken")]
    assert recognise(rows).shape == "text"
    assert recognise(rows, "alpaca").shape == "alpaca"
    assert recognise(rows, columns={"prompt": "q", "completion": "a"}).shape == "columns"
    assert (recognise(rows, "text").share, recognise(rows, "alpaca").share, recognise([], "alpaca").share) == (1, 0, 1)
    assert shape_of({"text": "body"}) == "text"
    assert shape_of({"messages": "talk", "label": "good"}) == "messages"
    assert recognise([], columns={"chosen": "a", "rejected": "b"}).shape == "preference"
    assert shape_of({"instruction": "a", "output": "b"}) == "alpaca"
