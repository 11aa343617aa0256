"""Tool calls are kept, in the one form that chat templates take, however the data writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.shapes.turns import ANSWER, HUMAN, TOOL, USER, assistant, call, user
from tuitune.data.detect import detect
from tuitune.rows.fields import RowProblem
from tuitune.shapes import to_canonical

CALL = call("weather", city="Oslo")
CALLED = assistant("", tool_calls=[CALL])
WRITTEN = {"name": "weather", "arguments": {"city": "Oslo"}}
RESULT = {"role": "tool", "content": "12 °C"}
COLD = assistant("Cold.")
WHOLE = [USER, CALLED, RESULT, COLD]


def tags(*calls: Any) -> str:
    return "\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in calls)


@pytest.mark.parametrize(
    "calling",
    [
        CALLED,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "tool_calls": [{"function": WRITTEN}]},
        {"role": "assistant", "content": "", "tool_calls": [WRITTEN]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]},
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        {"from": "function_call", "value": json.dumps(WRITTEN)},
        {"from": "function_call", "value": json.dumps([WRITTEN])},
        {"from": "tool_call", "value": json.dumps({"name": "weather", "parameters": {"city": "Oslo"}})},
        {"from": "tool_call", "value": tags(WRITTEN)},
        {"role": "function_call", "content": WRITTEN},
    ],
)
@pytest.mark.parametrize(
    "answering",
    [
        RESULT,
        {"role": "function", "content": "12 °C"},
        {"from": "observation", "value": "12 °C"},
        {"from": "tool", "value": "12 °C"},
        {"role": "ipython", "content": [{"type": "text", "text": "12 °C"}]},
    ],
)
def test_every_spelling_of_a_call_and_its_result_is_one(calling: dict[str, Any], answering: dict[str, Any]) -> None:
    row = {"conversations": [HUMAN, calling, answering, COLD]}
    found = detect([row])
    assert found.shape == "tools"
    assert to_canonical(row, found.shape, found.columns) == {"messages": WHOLE}


def test_several_calls_and_results_and_their_marks_are_kept() -> None:
    calls = [{"id": "c1", **CALL}, {"id": "c2", **call("time")}]
    results = [
        {**RESULT, "tool_call_id": "c1", "name": "weather"},
        {"role": "tool", "content": "", "tool_call_id": "c2"},
    ]
    turns = [USER, assistant("Looking.", tool_calls=calls, thinking="Two things."), *results, COLD, user("Thanks")]
    assert to_canonical({"messages": turns}, "tools") == {"messages": turns}
    row = {"conversations": [HUMAN, {"from": "tool_call", "value": tags(WRITTEN, {"name": "time"})}]}
    assert to_canonical(row, "sharegpt")["messages"][1]["tool_calls"] == [CALL, call("time")]


@pytest.mark.parametrize("result", [{"temperature": 12}, [{"temperature": 12}], [], [1, "x"]])
def test_a_result_that_is_no_text_is_written_as_json(result: Any) -> None:
    turns = to_canonical({"messages": [USER, CALLED, {"role": "tool", "content": result}]}, "tools")["messages"]
    assert json.loads(turns[2]["content"]) == result


@pytest.mark.parametrize(
    "tools",
    [[TOOL], json.dumps([TOOL]), [TOOL["function"]], json.dumps([TOOL["function"]]), [json.dumps(TOOL)]],
)
@pytest.mark.parametrize("column", ["tools", "functions"])
def test_tools_go_with_the_conversation(tools: Any, column: str) -> None:
    row = {"messages": WHOLE, column: tools}
    found = detect([row])
    assert found.columns == {"messages": "messages", "tools": column}
    assert to_canonical(row, found.shape, found.columns) == {"messages": WHOLE, "tools": [TOOL]}


@pytest.mark.parametrize("tools", [None, [], "", "[]", " "])
def test_no_tools_are_none(tools: Any) -> None:
    assert to_canonical({"messages": WHOLE, "tools": tools}, "tools") == {"messages": WHOLE}


def test_tools_go_with_a_prompt_and_its_completion() -> None:
    row = {"prompt": [USER], "completion": [CALLED], "tools": [TOOL]}
    assert to_canonical(row, "prompt-completion") == {"messages": [USER, CALLED], "tools": [TOOL]}


DEEP: dict[str, Any] = {}
for _ in range(5000):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("turns", "field", "message", "kind"),
    [
        ([USER, {"from": "function_call", "value": "f()"}], "[1].value", "found text that is not JSON", "tools"),
        ([USER, {"from": "function_call", "value": " "}], "[1].value", "found an empty text", "tools"),
        ([USER, {"from": "function_call", "value": "[]"}], "[1].value", "expected a list of tool calls", "tools"),
        ([USER, {"from": "function_call", "value": "[3]"}], "[1].value[0]", "found a number", "tools"),
        ([USER, {"from": "function_call", "value": "[" * 99_999}], "[1].value", "nested too deeply", "too-deep"),
        ([USER, assistant("", tool_calls="f")], "[1].tool_calls", "expected a list of tool calls, found text", "tools"),
        ([USER, assistant("", tool_calls=[{"id": "x"}])], "[1].tool_calls[0]", "found id", "tools"),
        ([USER, assistant("", tool_calls=[call("")])], "[1].tool_calls[0]", "found name, arguments", "tools"),
        (
            [USER, assistant("", tool_calls=[{"name": "f", "arguments": "{x"}])],
            "[1].tool_calls[0].arguments",
            "expected an object, found text that is not JSON",
            "tools",
        ),
        (
            [USER, assistant("", tool_calls=[{"name": "f", "arguments": "[1]"}])],
            "[1].tool_calls[0].arguments",
            "expected an object, found a list",
            "tools",
        ),
        ([USER, assistant("", tool_calls=[call("f", x=float("nan"))])], "[1].tool_calls", "written as JSON", "tools"),
        ([USER, assistant("", tool_calls=[call("f", x=b"")])], "[1].tool_calls", "written as JSON", "tools"),
        ([USER, assistant("", tool_calls=[call("f", x="\ud800")])], "[1].tool_calls", "lone surrogate", "encoding"),
        ([USER, assistant("", tool_calls=[call("f", x=DEEP)])], "[1].tool_calls", "nested too deeply", "too-deep"),
        ([USER, RESULT, ANSWER], "[1]", "a tool result follows an assistant turn", "role-order"),
        ([USER, CALLED, RESULT, USER, ANSWER], "[3]", "an assistant turn must follow", "role-order"),
        ([USER, CALLED, {"role": "tool", "output": "1"}], "[2]", "no 'content'; it has role, output", "missing"),
        ([USER, CALLED, {"role": "tool", "content": None}, COLD], None, "", ""),
        ([USER, CALLED, USER, ANSWER], None, "", ""),
    ],
)
def test_what_is_wrong_with_a_call_is_named(
    turns: list[dict[str, Any]], field: str | None, message: str, kind: str
) -> None:
    if field is None:
        assert len(to_canonical({"messages": turns}, "tools")["messages"]) == 4
        return
    with pytest.raises(RowProblem) as refused:
        to_canonical({"messages": turns}, "tools")
    assert (refused.value.field, refused.value.kind) == (f"messages{field}", kind)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("tools", "field", "message"),
    [
        (3, "tools", "expected a list of tools, found a number"),
        ("hammer, saw", "tools", "expected a list of tools, found text that is not JSON"),
        ('{"name": "f"}', "tools", "expected a list of tools, found an object"),
        ([3], "tools[0]", "found a number"),
        ([TOOL, {"type": "function"}], "tools[1]", "found type"),
        ([{"type": "function", "function": "f"}], "tools[0]", "found text"),
    ],
)
def test_what_is_wrong_with_a_tool_is_named(tools: Any, field: str, message: str) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical({"messages": WHOLE, "tools": tools}, "tools")
    assert (refused.value.field, refused.value.kind) == (field, "tools")
    assert message in refused.value.message
