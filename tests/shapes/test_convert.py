"""Rows become what supervised fine-tuning takes, or name the field that is wrong, what was found and expected."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.shapes.turns import ANSWER, GPT, HUMAN, IMAGE, USER, assistant, system, user
from tuitune.data.detect import detect
from tuitune.rows.fields import RowProblem
from tuitune.rows.turns import WEIGHTS
from tuitune.shapes import to_canonical

TALK = {"messages": [USER, ANSWER]}


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
    row: dict[str, Any], shape: str, columns: dict[str, str], canonical: list[dict[str, Any]]
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
def test_plain_strings_stay(
    row: dict[str, Any], shape: str, columns: dict[str, str], canonical: dict[str, Any]
) -> None:
    assert to_canonical(row, shape, columns) == canonical


SHAREGPT_SPELLINGS: list[list[dict[str, Any]]] = [
    [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
    [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}],
    [{"from": "User", "content": "Hi"}, {"from": "ChatGPT", "content": "Hello"}],
    [{"role": "human", "value": "Hi"}, {"role": "bing", "value": "Hello"}],
    [{"role": "user", "text": "Hi"}, {"role": "bard", "text": "Hello"}],
    [{"speaker": "human", "text": "Hi"}, {"speaker": "model", "text": "Hello"}],
    [{"role": "Human", "content": "Hi"}, {"role": "AI", "content": "Hello"}],
    [{"role": "prompter", "message": "Hi"}, {"role": " bot ", "message": "Hello"}],
    [{"from": "human", "value": "Hi", "weight": None}, {"from": "gpt", "value": "Hello", "weight": 1}],
    [{"human": "Hi", "assistant": "Hello"}],
    [{"input": "Hi", "output": "Hello"}],
]


@pytest.mark.parametrize("turns", SHAREGPT_SPELLINGS)
@pytest.mark.parametrize("column", ["conversations", "conversation", "messages", "dialog"])
def test_every_spelling_of_turns_is_read(turns: list[dict[str, Any]], column: str) -> None:
    for value in (turns, json.dumps(turns)):
        row = {column: value}
        found = detect([row])
        assert found.columns == {"messages": column}
        assert to_canonical(row, found.shape, found.columns) == {"messages": [USER, ANSWER]}


def test_a_developer_is_the_system_and_a_thought_is_kept() -> None:
    turns = [{"role": "developer", "content": "s"}, USER, assistant("Hello", reasoning_content="Hm.")]
    thought = assistant("Hello", reasoning_content="Hm.")
    assert to_canonical({"messages": [USER, {**ANSWER, "thinking": False}]}, "messages") == TALK
    assert to_canonical({"messages": turns}, "messages") == {"messages": [system("s"), USER, thought]}


def test_what_training_does_not_use_is_left_behind() -> None:
    turns = [
        {**USER, "weight": 0},
        {**ANSWER, "refusal": None, "tool_calls": None, "tool_call_id": None},
    ]
    assert to_canonical({"messages": turns, "id": 7}, "messages") == TALK


@pytest.mark.parametrize("said", [{key: off} for key in WEIGHTS for off in (0, 0.0, False)])
def test_an_answer_that_is_not_to_be_learned_keeps_its_weight(said: dict[str, Any]) -> None:
    turns = [USER, {**ANSWER, **said}, USER, ANSWER]
    assert to_canonical({"messages": turns}, "messages") == {"messages": [USER, {**ANSWER, "weight": 0}, USER, ANSWER]}


def test_a_call_of_its_own_role_keeps_its_weight_too() -> None:
    call = {"from": "function_call", "value": '{"name": "f", "arguments": {}}', "weight": 0}
    turns = [HUMAN, call, {"from": "observation", "value": "1"}, GPT]
    (_, called, *_) = to_canonical({"conversations": turns}, "sharegpt")["messages"]
    assert called["weight"] == 0 and called["tool_calls"]


@pytest.mark.parametrize("said", [{key: on} for key in WEIGHTS for on in (1, 1.0, True, None)])
def test_a_weight_of_one_is_none(said: dict[str, Any]) -> None:
    assert to_canonical({"messages": [USER, {**ANSWER, **said}]}, "messages") == TALK


def test_a_system_turn_is_not_said_twice() -> None:
    row = {"system": "s", "messages": [system("own"), USER, ANSWER]}
    assert to_canonical(row, "messages") == {"messages": [system("own"), USER, ANSWER]}


def test_a_last_question_without_an_answer_leaves_the_answers_before_it() -> None:
    turns = [USER, ANSWER, user("And?")]
    assert to_canonical({"messages": turns}, "messages") == {"messages": turns}


def test_rows_labelled_as_bad_answers_are_refused_where_the_label_is_named() -> None:
    columns = {"messages": "messages", "label": "good"}
    assert to_canonical({**TALK, "good": 1}, "messages", columns) == TALK
    for label, kind in ((False, "no-answer"), ("0", "no-answer"), ("maybe", "type"), (None, "missing"), (7, "type")):
        with pytest.raises(RowProblem) as refused:
            to_canonical({**TALK, "good": label}, "messages", columns)
        assert (refused.value.field, refused.value.kind) == ("good", kind)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("row", "shape", "field", "message", "kind"),
    [
        ({"output": "c"}, "alpaca", "instruction", "no such column; the row has output", "missing"),
        ({"instruction": "a", "output": " "}, "alpaca", "output", "is empty", "empty"),
        ({"instruction": "a", "output": None}, "alpaca", "output", "expected text, found nothing", "missing"),
        (
            {"instruction": "a", "input": {"x": 1}, "output": "c"},
            "alpaca",
            "input",
            "expected text, found an object",
            "type",
        ),
        ({"instruction": "a", "output": "c", "history": 3}, "alpaca", "history", "a list of pairs", "type"),
        ({"instruction": "a", "output": "c", "history": [["x"]]}, "alpaca", "history[0]", "a question and its", "type"),
        ({"instruction": "a", "output": "\ud800"}, "alpaca", "output", "lone surrogate", "encoding"),
        ({"instruction": "a", "output": 10**5000}, "alpaca", "output", "expected text, found a number", "type"),
        ({"instruction": "a", "output": b"x"}, "alpaca", "output", "expected text, found bytes", "type"),
        (
            {"instruction": "a", "output": "c", "system": [1]},
            "alpaca",
            "system[0]",
            "a text part, found a number",
            "type",
        ),
        ({}, "messages", "messages", "no such column; the row has no keys", "missing"),
        ({"messages": None}, "messages", "messages", "expected a list of turns, found nothing", "missing"),
        ({"messages": "Hi"}, "messages", "messages", "expected a list of turns, found text", "type"),
        ({"messages": "[1,"}, "messages", "messages", "expected a list of turns, found text that is not JSON", "type"),
        ({"messages": DEEP}, "messages", "messages", "JSON that is nested too deeply", "too-deep"),
        ({"messages": []}, "messages", "messages", "the conversation is empty", "empty"),
        ({"messages": ["Hi"]}, "messages", "messages[0]", "a turn with role and content, found text", "type"),
        (
            {"messages": [{"role": "user"}]},
            "messages",
            "messages[0]",
            "the turn has no 'content'; it has role",
            "missing",
        ),
        ({"messages": [{"value": "x"}]}, "messages", "messages[0]", "the turn has no 'role'", "missing"),
        ({"messages": [USER, {"from": "gpt"}]}, "messages", "messages[1]", "the turn has no 'value'", "missing"),
        (
            {"messages": [{"role": "robot\x1b", "content": "x"}]},
            "messages",
            "messages[0].role",
            "expected system, user, assistant or tool, found 'robot",
            "type",
        ),
        ({"messages": [{"role": 3, "content": "x"}]}, "messages", "messages[0].role", "found a number", "type"),
        ({"messages": [{"role": ["x"], "content": "x"}]}, "messages", "messages[0].role", "found a list", "type"),
        ({"messages": [user(""), ANSWER]}, "messages", "messages[0].content", "is empty", "empty"),
        ({"messages": [USER, assistant("\n")]}, "messages", "messages[1].content", "is empty", "empty"),
        (
            {"messages": [USER, {"from": "gpt", "value": None}]},
            "messages",
            "messages[1]",
            "the turn has no 'value'; it has from",
            "missing",
        ),
        (
            {"messages": [IMAGE, ANSWER]},
            "messages",
            "messages[0].content[0]",
            "found a part of type 'image_url'",
            "vision",
        ),
        ({"messages": [user(["x"]), ANSWER]}, "messages", "messages[0].content[0]", "found text", "type"),
        ({"messages": [user([{"type": "text"}])]}, "messages", "messages[0].content[0]", "one without text", "type"),
        ({"messages": [ANSWER, USER]}, "messages", "messages[0]", "begins with the assistant", "role-order"),
        ({"messages": [system("s"), ANSWER]}, "messages", "messages[1]", "begins with the assistant", "role-order"),
        ({"messages": [USER, USER, ANSWER]}, "messages", "messages[1]", "two user turns in a row", "role-order"),
        (
            {"messages": [USER, ANSWER, system("s")]},
            "messages",
            "messages[2]",
            "a system turn comes first",
            "role-order",
        ),
        ({"messages": [USER]}, "messages", "messages", "no assistant turn", "no-answer"),
        (
            {"messages": [USER, assistant("x", weight=0)]},
            "messages",
            "messages",
            "every answer has weight 0",
            "no-answer",
        ),
        ({"messages": [USER, assistant("x", weight="0")]}, "messages", "messages[1].weight", "found '0'", "type"),
        ({"messages": [USER, assistant("x", weight=-3)]}, "messages", "messages[1].weight", "below 0", "type"),
        ({"messages": [USER, assistant("x", weight=[0])]}, "messages", "messages[1].weight", "found a list", "type"),
        ({"messages": [USER, assistant("x", train="no")]}, "messages", "messages[1].train", "true or false", "type"),
        ({"conversation": [{"input": "a", "output": ""}]}, "messages", "conversation[0].output", "is empty", "empty"),
        ({"question": "a"}, "columns", "", "no pair of columns such as question and answer", "missing"),
        ({"prompt": "a", "completion": ""}, "prompt-completion", "completion", "is empty", "empty"),
        (
            {"prompt": [USER, ANSWER], "completion": "x"},
            "prompt-completion",
            "completion[2]",
            "two assistant",
            "role-order",
        ),
        ({"text": float("nan")}, "text", "text", "a number that is not finite", "type"),
        ({"text": float("-inf")}, "text", "text", "a number that is not finite", "type"),
        ({"id": 3}, "text", "text", "no such column; the row has id", "missing"),
        ({}, "preference", "chosen", "no such column", "missing"),
        ({"image": "x.png"}, "vision", "", "rows of the shape 'vision'", "other"),
        ({}, "strange", "", "rows of the shape 'strange'", "other"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(
    row: dict[str, Any], shape: str, field: str, message: str, kind: str
) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical(row, shape)
    problem = refused.value
    assert (problem.field, problem.kind) == (field, kind)
    assert message in problem.message and "\x1b" not in problem.message
    assert str(problem) == (f"{field}: {problem.message}" if field else problem.message)


def test_long_lists_of_names_are_cut() -> None:
    with pytest.raises(RowProblem, match=r"c7, …$"):
        to_canonical({f"c{number}": 1 for number in range(100_000)}, "text")


def part(kind: str, said: str) -> dict[str, str]:
    return {"type": kind, "value": said}


def test_parts_say_what_is_thought_what_is_said_and_what_is_called() -> None:
    turns = [
        {"role": "system", "content": [part("text", "Be "), part("text", "brief.")], "loss_weight": 0.0},
        {"role": "user", "content": [part("text", "Warm?")]},
        {
            "role": "assistant",
            "content": [
                part("reasoning", "I look."),
                part("text", "One moment."),
                part("tool_call", '{"name": "weather", "arguments": {"city": "Oslo"}}'),
            ],
        },
        {"role": "tool", "content": [part("text", "12 °C")]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "12."}, part("text", "No.")]},
    ]
    said = to_canonical({"messages": turns}, "messages")["messages"]
    assert [one["content"] for one in said] == ["Be brief.", "Warm?", "One moment.", "12 °C", "No."]
    assert (said[2]["reasoning_content"], said[4]["reasoning_content"]) == ("I look.", "12.")
    assert said[2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": {"city": "Oslo"}}


def test_a_call_in_a_part_as_anthropic_has_it() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "clock", "input": {"zone": "UTC"}}
    turns = [USER, {"role": "assistant", "content": [use]}, {"role": "tool", "content": "12:00"}, ANSWER]
    (call,) = to_canonical({"messages": turns}, "tools")["messages"][1]["tool_calls"]
    assert call == {"id": "t1", "type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}


@pytest.mark.parametrize("key", ["weight", "loss_weight"])
def test_the_weight_of_a_turn_is_kept_and_a_part_of_it_too(key: str) -> None:
    turns = [USER, {**ANSWER, key: 0}, USER, {**ANSWER, key: 0.5}, USER, ANSWER]
    said = to_canonical({"messages": turns}, "messages")["messages"]
    assert [one.get("weight") for one in said if one["role"] == "assistant"] == [0, 0.5, None]


def test_who_speaks_keeps_the_name() -> None:
    turns = [{**USER, "name": "Ann"}, {**ANSWER, "name": " "}]
    assert to_canonical({"messages": turns}, "messages")["messages"] == [{**USER, "name": "Ann"}, ANSWER]


@pytest.mark.parametrize(
    ("content", "message", "kind"),
    [
        ([{"type": "tool_result", "content": "x"}], "part of type 'tool_result'", "type"),
        ([{"type": "image_url", "image_url": {}}], "part of type 'image_url'", "vision"),
        ([{"type": "reasoning"}], "a part without text", "type"),
        (None, "the turn has no 'content'; it has role", "missing"),
        ("⟨12 bytes, 0123456789ab⟩", "found 12 bytes, 0123456789ab", "type"),
    ],
)
def test_what_is_no_text_is_named(content: Any, message: str, kind: str) -> None:
    with pytest.raises(RowProblem, match=message) as refused:
        to_canonical({"messages": [USER, {"role": "assistant", "content": content}]}, "messages")
    assert refused.value.kind == kind


@pytest.mark.parametrize("turn", [None, {"role": None, "content": "x"}])
def test_nothing_where_a_turn_or_a_role_belongs_is_missing(turn: Any) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical({"messages": [turn, ANSWER]}, "messages")
    assert refused.value.kind == "missing"


@pytest.mark.parametrize("columns", [{}, {"prompt": "prompt", "completion": "completion"}])
@pytest.mark.parametrize("named", ["tools", "functions"])
def test_a_plain_prompt_keeps_its_tools_and_its_system_text(columns: dict[str, str], named: str) -> None:
    row = {"prompt": "Hi", "completion": "Hello"}
    tool = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
    told = {"messages": [USER, ANSWER], "tools": [{"type": "function", "function": tool}]}
    assert to_canonical({**row, named: [tool]}, "prompt-completion", columns) == told
    assert to_canonical({**row, named: json.dumps([tool])}, "prompt-completion", columns) == told
    heard = {"messages": [system("s"), USER, ANSWER]}
    assert to_canonical({**row, "system": "s"}, "prompt-completion", columns) == heard
    for nothing in ([], "[]", None):
        assert to_canonical({**row, named: nothing, "system": " "}, "prompt-completion", columns) == row
    with pytest.raises(RowProblem, match="system"):
        to_canonical({**row, "system": {"said": "s"}}, "prompt-completion", columns)


def test_compared_plain_texts_keep_their_tools() -> None:
    tool = {"type": "function", "function": {"name": "clock"}}
    row = {"prompt": "Hi", "chosen": "Hello", "rejected": "No", "tools": [tool]}
    assert to_canonical(row, "preference")["tools"] == [tool] and to_canonical(row, "preference")["prompt"] == [USER]


def test_the_least_of_two_weights_counts_and_a_shared_item_has_one() -> None:
    turns = [{"human": "Hi", "assistant": "Bad", "loss": False}, {"human": "Hi", "assistant": "Hello", "loss": True}]
    said = to_canonical({"conversation": turns}, "messages")["messages"]
    assert [one.get("weight") for one in said] == [None, 0, None, None]
    both = [USER, {**ANSWER, "weight": 0.5, "loss": False}, USER, ANSWER]
    assert to_canonical({"messages": both}, "messages")["messages"][1]["weight"] == 0


@pytest.mark.parametrize("key", WEIGHTS)
@pytest.mark.parametrize(
    ("row", "shape"),
    [({"prompt": "a", "completion": "b"}, "prompt-completion"), ({"question": "a", "answer": "b"}, "columns"),
     ({"instruction": "a", "output": "b"}, "alpaca"), (TALK, "messages"), ({"text": "a"}, "text")],
)  # fmt: skip
def test_a_row_of_weight_0_is_refused(row: dict[str, Any], shape: str, key: str) -> None:
    for off in (0, 0.0, False):
        with pytest.raises(RowProblem) as refused:
            to_canonical({**row, key: off}, shape)
        assert (refused.value.field, refused.value.kind) == (key, "no-answer")
    for on in (1, True, None, "heavy"):
        assert to_canonical({**row, key: on}, shape) == to_canonical(row, shape)


@pytest.mark.parametrize(
    ("row", "columns", "shape"),
    [
        ({"Prompt": "Hi", "Completion": "Hello"}, {"prompt": "Prompt", "completion": "Completion"},
         "prompt-completion"),
        ({"QUESTION": "Hi", " Answer": "Hello", "id": 1}, {"prompt": "QUESTION", "completion": " Answer"}, "columns"),
        ({"Instruction": "Hi", "Input": "", "Output": "Hello"},
         {"instruction": "Instruction", "input": "Input", "output": "Output"}, "alpaca"),
        ({"Messages": [USER, ANSWER]}, {"messages": "Messages"}, "messages"),
        ({"Question": "Hi", "question": "Hm", "Answer": "Hello", "answer": "So"},
         {"prompt": "question", "completion": "answer"}, "columns"),
    ],
)  # fmt: skip
def test_names_of_columns_are_known_in_any_case(row: dict[str, Any], columns: dict[str, str], shape: str) -> None:
    found = detect([row])
    assert (found.shape, found.columns) == (shape, columns)
    made = to_canonical(row, found.shape, found.columns)
    said = [row[columns[role]] for role in ("prompt", "completion")] if shape == "columns" else ["Hi", "Hello"]
    turns = made.get("messages") or [user(made["prompt"]), assistant(made["completion"])]
    assert [one["content"] for one in turns] == said


def test_a_system_prompt_is_heard_under_any_name_and_a_shape_in_capitals_counts_its_own_rows() -> None:
    row = {"Question": "Hi", "Answer": "Hello", "System Prompt": "s"}
    found = detect([row, {"QUESTION": "Hi", "ANSWER": "Hello"}])
    assert found.columns == {"prompt": "Question", "completion": "Answer", "system": "System Prompt"}
    assert found.share == 0.5
    assert to_canonical(row, found.shape, found.columns) == {"messages": [system("s"), USER, ANSWER]}


@pytest.mark.parametrize("turn", [{"role": "user", "content": None}, {"role": None, "content": "Hi"}, {"from": "gpt"}])
def test_nothing_under_a_key_is_told_as_a_key_that_is_not_there(turn: dict[str, Any]) -> None:
    told = []
    for one in (turn, {key: said for key, said in turn.items() if said is not None}):
        with pytest.raises(RowProblem) as refused:
            to_canonical({"messages": [one, ANSWER]}, "messages")
        told.append((refused.value.field, refused.value.message, refused.value.kind))
    assert told[0] == told[1] and told[0][2] == "missing"
