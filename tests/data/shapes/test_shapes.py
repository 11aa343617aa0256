"""Shapes are recognised from rows, and rows become what training takes or name the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tuitune.data.shapes.convert import to_canonical
from tuitune.data.shapes.detect import TRAINABLE, detect, refusal
from tuitune.data.shapes.turns import RowProblem

USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}
HUMAN = {"from": "human", "value": "Hi"}
GPT = {"from": "gpt", "value": "Hello"}
TALK = {"messages": [USER, ANSWER]}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": "x"}, {"type": "text", "text": "Hi"}]}


@pytest.mark.parametrize(
    ("row", "shape", "columns"),
    [
        (
            {"instruction": "a", "input": "", "output": "b"},
            "alpaca",
            {"instruction": "instruction", "input": "input", "output": "output"},
        ),
        (
            {"instruction": "a", "output": "b"},
            "alpaca",
            {"instruction": "instruction", "input": "input", "output": "output"},
        ),
        (
            {"instruction": "a", "context": "c", "response": "b"},
            "alpaca",
            {"instruction": "instruction", "input": "context", "output": "response"},
        ),
        ({"messages": [USER, ANSWER]}, "messages", {"messages": "messages"}),
        ({"conversation": [USER, ANSWER], "id": 3}, "messages", {"messages": "conversation"}),
        ({"conversations": [HUMAN, GPT]}, "sharegpt", {"messages": "conversations"}),
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
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference", {"chosen": "chosen", "rejected": "rejected"}),
        (
            {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT},
            "preference",
            {"chosen": "chosen", "rejected": "rejected"},
        ),
        ({"messages": [USER, ANSWER], "label": True}, "unpaired-preference", {"label": "label"}),
        ({"prompt": "a", "completion": "b", "kto_tag": False}, "unpaired-preference", {"label": "kto_tag"}),
        ({"messages": [USER, ANSWER], "tools": [{}]}, "tools", {"messages": "messages"}),
        ({"messages": [USER, {"role": "tool", "content": "3"}]}, "tools", {"messages": "messages"}),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [1]}]}, "tools", {"messages": "messages"}),
        ({"conversations": [HUMAN, {"from": "function_call", "value": "f()"}]}, "tools", {"messages": "conversations"}),
        ({"image": "x.png", "question": "a", "answer": "b"}, "vision", {}),
        ({"messages": [IMAGE, ANSWER]}, "vision", {}),
        ({"id": 3, "body": "x"}, "unknown", {}),
        ({}, "unknown", {}),
    ],
)
def test_a_shape_is_recognised(row: dict[str, Any], shape: str, columns: dict[str, str]) -> None:
    found = detect([row] * 3)
    assert (found.shape, found.columns) == (shape, columns)
    assert (refusal(shape) is None) == (shape in TRAINABLE)
    if shape != "unknown":
        assert found.share == 1 and found.reason.endswith("in 3 of 3 rows")


def test_the_reason_says_what_was_found() -> None:
    rows: list[dict[str, Any]] = [{"question": "a", "answer": "b"}] * 3 + [{"text": "c"}]
    found = detect(rows)
    assert found.reason == "question and answer in 3 of 4 rows" and found.share == 0.75
    unknown = detect([{"id": 3, "body": "x"}]).reason
    assert unknown.startswith("found id, body; expected instruction and output (Alpaca)")
    assert detect([]).reason == "there are no rows"


def test_refusals_name_the_way_out() -> None:
    assert 'completion = "chosen"' in str(refusal("preference"))
    assert "drop the label" in str(refusal("unpaired-preference"))
    assert "data.columns" in str(refusal("unknown"))
    with pytest.raises(RowProblem, match="tool calls"):
        to_canonical({}, "tools")
    with pytest.raises(RowProblem, match="unknown shape 'strange'"):
        to_canonical({}, "strange")


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


@pytest.mark.parametrize(
    ("row", "shape", "columns", "canonical"),
    [
        ({"instruction": "a", "input": "b", "output": "c"}, "alpaca", {}, [user("a\n\nb"), assistant("c")]),
        ({"instruction": "a", "input": None, "output": "c"}, "alpaca", {}, [user("a"), assistant("c")]),
        ({"instruction": "a", "input": "  ", "output": "c"}, "alpaca", {}, [user("a"), assistant("c")]),
        (
            {"system": "s", "history": [["x", "y"]], "instruction": "a", "output": "c"},
            "alpaca",
            {},
            [system("s"), user("x"), assistant("y"), user("a"), assistant("c")],
        ),
        (
            {"instruction": "a", "context": "b", "response": "c"},
            "alpaca",
            {"input": "context", "output": "response"},
            [user("a\n\nb"), assistant("c")],
        ),
        (TALK, "messages", {}, [USER, ANSWER]),
        ({"chat": [USER, ANSWER]}, "messages", {}, [USER, ANSWER]),
        (
            {"conversations": [{"from": "system", "value": "s"}, HUMAN, GPT]},
            "sharegpt",
            {},
            [system("s"), USER, ANSWER],
        ),
        ({"system": "s", "conversations": [HUMAN, GPT]}, "sharegpt", {}, [system("s"), USER, ANSWER]),
        (
            {"messages": [{"from": "User", "content": "Hi"}, {"role": "model", "value": "Hello"}]},
            "messages",
            {},
            [USER, ANSWER],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, ANSWER]},
            "messages",
            {},
            [USER, ANSWER],
        ),
        ({"question": "a", "answer": 42}, "columns", {}, [user("a"), assistant("42")]),
        ({"question": "a", "answer": True}, "columns", {}, [user("a"), assistant("true")]),
        (
            {"q": "a", "a": "b", "s": "c"},
            "columns",
            {"prompt": "q", "completion": "a", "system": "s"},
            [system("c"), user("a"), assistant("b")],
        ),
        (
            {"q": "a", "a": "b", "s": None},
            "columns",
            {"prompt": "q", "completion": "a", "system": "s"},
            [user("a"), assistant("b")],
        ),
        (
            {"conversations": [HUMAN], "chosen": GPT},
            "columns",
            {"prompt": "conversations", "completion": "chosen"},
            [USER, ANSWER],
        ),
        ({"prompt": [USER], "completion": [ANSWER]}, "prompt-completion", {}, [USER, ANSWER]),
        (
            {"prompt": "a", "completion": "b", "s": "c"},
            "prompt-completion",
            {"system": "s"},
            [system("c"), user("a"), assistant("b")],
        ),
    ],
)
def test_rows_become_conversations(
    row: dict[str, Any], shape: str, columns: dict[str, str], canonical: list[dict]
) -> None:
    assert to_canonical(row, shape, columns) == {"messages": canonical}


@pytest.mark.parametrize(
    ("row", "shape", "columns", "canonical"),
    [
        ({"prompt": "a", "completion": "b", "id": 1}, "prompt-completion", {}, {"prompt": "a", "completion": "b"}),
        (
            {"q": "a", "r": "b"},
            "prompt-completion",
            {"prompt": "q", "completion": "r"},
            {"prompt": "a", "completion": "b"},
        ),
        ({"text": "a\x1b"}, "text", {}, {"text": "a\x1b"}),
        ({"document": "a"}, "text", {}, {"text": "a"}),
        ({"body": "a"}, "columns", {"text": "body"}, {"text": "a"}),
    ],
)
def test_plain_strings_stay(row: dict[str, Any], shape: str, columns: dict[str, str], canonical: dict) -> None:
    assert to_canonical(row, shape, columns) == canonical


@pytest.mark.parametrize(
    ("row", "shape", "field", "message"),
    [
        ({"output": "c"}, "alpaca", "instruction", "no such column; the row has output"),
        ({"instruction": "a", "output": " "}, "alpaca", "output", "is empty"),
        ({"instruction": "a", "output": None}, "alpaca", "output", "expected text, found nothing"),
        ({"instruction": "a", "input": {"x": 1}, "output": "c"}, "alpaca", "input", "expected text, found an object"),
        ({"instruction": "a", "output": "c", "history": 3}, "alpaca", "history", "a list of pairs"),
        ({"instruction": "a", "output": "c", "history": [["x"]]}, "alpaca", "history[0]", "a question and its answer"),
        ({}, "messages", "messages", "no such column; the row has no keys"),
        ({"messages": "Hi"}, "messages", "messages", "expected a list of turns, found text"),
        ({"messages": []}, "messages", "messages", "the conversation is empty"),
        ({"messages": ["Hi"]}, "messages", "messages[0]", "expected a turn with role and content, found text"),
        ({"messages": [{"role": "user"}]}, "messages", "messages[0]", "the turn has no 'content'; it has role"),
        ({"messages": [{"value": "x"}]}, "messages", "messages[0]", "the turn has no 'role'"),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            "messages",
            "messages[0].role",
            "user or assistant, found 'robot'",
        ),
        ({"messages": [{"role": 3, "content": "x"}]}, "messages", "messages[0].role", "found a number"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages", "messages[1]", "tool calls"),
        ({"messages": [user(""), ANSWER]}, "messages", "messages[0].content", "is empty"),
        ({"messages": [IMAGE, ANSWER]}, "messages", "messages[0].content[0]", "found a part of type 'image_url'"),
        (
            {"messages": [{"role": "user", "content": ["x"]}, ANSWER]},
            "messages",
            "messages[0].content[0]",
            "found text",
        ),
        ({"messages": [ANSWER, USER]}, "messages", "messages[0]", "begins with the assistant"),
        ({"messages": [system("s"), ANSWER]}, "messages", "messages[1]", "begins with the assistant"),
        ({"messages": [USER, USER, ANSWER]}, "messages", "messages[1]", "two user turns follow each other"),
        ({"messages": [USER, ANSWER, system("s")]}, "messages", "messages[2]", "a system turn comes first"),
        ({"messages": [USER]}, "messages", "messages", "no assistant turn"),
        ({"question": "a"}, "columns", "", "no pair of columns such as question and answer"),
        ({"prompt": "a", "completion": ""}, "prompt-completion", "completion", "is empty"),
        ({"text": float("nan")}, "text", "text", "expected text, found a number"),
        ({"id": 3}, "text", "text", "no such column; the row has id"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(row: dict[str, Any], shape: str, field: str, message: str) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical(row, shape)
    assert refused.value.field == field and message in refused.value.message
    assert str(refused.value) == (f"{field}: {refused.value.message}" if field else refused.value.message)


TURN_KEYS = ["role", "content", "from", "value", "type", "tool_calls"]
ROW_KEYS = ["messages", "conversations", "tools", "image", "label", "system", "history", "text", "chosen", "rejected"]
PAIR_KEYS = ["instruction", "input", "output", "prompt", "completion", "question", "answer"]
KEYS = st.sampled_from(TURN_KEYS + ROW_KEYS + PAIR_KEYS)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["user", "gpt", "human", "tool"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
ROWS = st.dictionaries(KEYS, VALUES, max_size=4)


@hypothesis(deadline=None)
@given(st.lists(ROWS, max_size=4))
def test_detection_and_conversion_only_ever_raise_row_problems(rows: list[dict[str, Any]]) -> None:
    found = detect(rows)
    assert 0 <= found.share <= 1 and found.reason
    for row in rows:
        for shape in {found.shape, *TRAINABLE}:
            try:
                canonical = to_canonical(row, shape, found.columns if shape == found.shape else {})
            except RowProblem as problem:
                assert problem.message
            else:
                assert set(canonical) in ({"messages"}, {"text"}, {"prompt", "completion"})


TURN = st.text(min_size=1, max_size=20).filter(str.strip)


@hypothesis(deadline=None)
@given(st.lists(st.tuples(TURN, TURN), min_size=1, max_size=3), st.none() | TURN)
def test_conversations_survive_as_they_are(pairs: list[tuple[str, str]], before: str | None) -> None:
    turns = [turn for asked, said in pairs for turn in (user(asked), assistant(said))]
    turns = [system(before), *turns] if before else turns
    assert to_canonical({"messages": turns}, "messages") == {"messages": turns}
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    renamed = [{"from": names[turn["role"]], "value": turn["content"]} for turn in turns]
    assert detect([{"conversations": renamed}]).shape == "sharegpt"
    assert to_canonical({"conversations": renamed}, "sharegpt") == {"messages": turns}
