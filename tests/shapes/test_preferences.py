"""Preferences in all their forms become trl's explicit ones, or name the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shapes.turns import ANSWER, GPT, HUMAN, TOOL, USER, assistant, call, system, user
from tuitune.data.detect import detect
from tuitune.rows.fields import RowProblem
from tuitune.shapes import to_canonical

WORSE = assistant("Go away")
BAD = {"from": "gpt", "value": "Go away"}
EXPLICIT = {"prompt": [USER], "chosen": [ANSWER], "rejected": [WORSE]}
TEXTS = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go away"}


def spoken(*turns: str) -> str:
    return "".join(f"\n\n{'Assistant' if number % 2 else 'Human'}: {said}" for number, said in enumerate(turns))


@pytest.mark.parametrize(
    ("row", "explicit"),
    [
        (TEXTS, TEXTS),
        ({"question": "Hi", "chosen": "Hello", "rejected": "Go away", "score": 3}, TEXTS),
        ({"question": "Hi", "response_j": "Hello", "response_k": "Go away"}, TEXTS),
        ({**TEXTS, "system": ""}, TEXTS),
        ({**TEXTS, "system": "s"}, EXPLICIT | {"prompt": [system("s"), USER]}),
        ({"instruction": "Hi", "input": "", "chosen": "Hello", "rejected": "Go away"}, TEXTS),
        (
            {"instruction": "Hi", "input": "you", "chosen": "Hello", "rejected": "Go away"},
            TEXTS | {"prompt": "Hi\n\nyou"},
        ),
        (EXPLICIT, EXPLICIT),
        ({"conversations": [HUMAN], "chosen": GPT, "rejected": BAD}, EXPLICIT),
        ({"conversations": [HUMAN], "chosen": [GPT], "rejected": [BAD]}, EXPLICIT),
        ({"messages": [USER], "chosen": "Hello", "rejected": "Go away"}, EXPLICIT),
        ({"prompt": "Hi", "chosen": [ANSWER], "rejected": [WORSE]}, EXPLICIT),
        ({"prompt": "Hi", "chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, EXPLICIT),
        ({"prompt": [USER], "chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, EXPLICIT),
        ({"chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, EXPLICIT),
        ({"chosen": [HUMAN, GPT], "rejected": [HUMAN, BAD]}, EXPLICIT),
        ({"messages": [USER, ANSWER], "chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, EXPLICIT),
        ({"system": "s", "chosen": [HUMAN, GPT], "rejected": [HUMAN, BAD]}, EXPLICIT | {"prompt": [system("s"), USER]}),
        (
            {"chosen": [USER, ANSWER], "rejected": [USER, ANSWER, USER, WORSE]},
            {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER, USER, WORSE]},
        ),
        ({"chosen": spoken("Hi", "Hello"), "rejected": spoken("Hi", "Go away")}, EXPLICIT),
        (
            {"chosen": spoken("Hi", "Yes?", "Hi", "Hello"), "rejected": spoken("Hi", "Yes?", "Hi", "Go away")},
            EXPLICIT | {"prompt": [USER, assistant("Yes?"), USER]},
        ),
        (
            {"prompt": spoken("Hi", ""), "chosen": " Hello", "rejected": "Go away"},
            EXPLICIT | {"chosen": [assistant(" Hello")]},
        ),
        (
            {"chosen": "The sky is blue.", "rejected": "The sky is green."},
            {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
        ),
        ({**EXPLICIT, "tools": [TOOL]}, EXPLICIT | {"tools": [TOOL]}),
        (
            {"prompt": [USER], "chosen": [assistant("", tool_calls=[call("f")])], "rejected": [WORSE]},
            EXPLICIT | {"chosen": [assistant("", tool_calls=[call("f")])]},
        ),
    ],
)
def test_preferences_become_explicit(row: dict[str, Any], explicit: dict[str, Any]) -> None:
    found = detect([row])
    assert found.shape == "preference"
    assert to_canonical(row, found.shape, found.columns) == explicit
    assert to_canonical(row, "preference") == explicit


def test_columns_of_any_name_can_be_compared() -> None:
    row = {"q": "Hi", "good": "Hello", "bad": "Go away"}
    assert to_canonical(row, "preference", {"prompt": "q", "chosen": "good", "rejected": "bad"}) == TEXTS


@pytest.mark.parametrize(
    ("row", "field", "message", "kind"),
    [
        ({"prompt": "a", "chosen": "b"}, "rejected", "no such column; the row has prompt, chosen", "missing"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "rejected", "is empty", "empty"),
        ({"prompt": "", "chosen": "b", "rejected": "c"}, "prompt", "is empty", "empty"),
        ({"prompt": "a", "chosen": "b", "rejected": 3.5e400}, "rejected", "not finite", "type"),
        ({"prompt": "a", "chosen": "b", "rejected": []}, "rejected", "the conversation is empty", "empty"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "rejected", "the same as the chosen answer", "other"),
        ({"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]}, "rejected", "the same as the chosen answer", "other"),
        ({"prompt": "a", "chosen": "b", "rejected": " b\n"}, "rejected", "nothing but white space", "other"),
        ({"chosen": [USER, ANSWER], "rejected": "x"}, "rejected", "expected the same form as the chosen", "type"),
        ({"chosen": "yes", "rejected": "no"}, "chosen", "shares no beginning", "missing"),
        ({"chosen": [USER, ANSWER], "rejected": [user("Ho"), ANSWER]}, "chosen", "shares no beginning", "missing"),
        (
            {"prompt": [USER], "chosen": [user("?"), ANSWER], "rejected": [WORSE]},
            "chosen",
            "found a user turn",
            "role-order",
        ),
        (
            {"chosen": [USER, ANSWER, USER, ANSWER], "rejected": [USER, ANSWER, user("Ho"), ANSWER]},
            "chosen",
            "expected the assistant's turn after what was asked, found a user turn",
            "role-order",
        ),
        (
            {"prompt": [USER, ANSWER], "chosen": ANSWER, "rejected": WORSE},
            "chosen[2]",
            "two assistant turns",
            "role-order",
        ),
        ({"prompt": [3], "chosen": ANSWER, "rejected": WORSE}, "prompt[0]", "expected a turn", "type"),
    ],
)
def test_what_is_wrong_with_a_preference_is_named(row: dict[str, Any], field: str, message: str, kind: str) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical(row, "preference")
    assert (refused.value.field, refused.value.kind) == (field, kind)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("row", "unpaired"),
    [
        ({"messages": [USER, ANSWER], "label": True}, {"prompt": [USER], "completion": [ANSWER], "label": True}),
        ({"messages": [USER, WORSE], "label": 0}, {"prompt": [USER], "completion": [WORSE], "label": False}),
        ({"conversations": [HUMAN, GPT], "kto_tag": True}, {"prompt": [USER], "completion": [ANSWER], "label": True}),
        ({"prompt": "a", "completion": "b", "label": "false"}, {"prompt": "a", "completion": "b", "label": False}),
        (
            {"question": "a", "answer": "b", "label": False},
            {"prompt": [user("a")], "completion": [assistant("b")], "label": False},
        ),
        (
            {"instruction": "a", "input": "c", "output": "b", "kto_tag": "1"},
            {"prompt": [user("a\n\nc")], "completion": [assistant("b")], "label": True},
        ),
        (
            {"system": "s", "messages": [USER, ANSWER, USER, ANSWER], "label": True, "tools": [TOOL]},
            {
                "prompt": [system("s"), USER, ANSWER, USER],
                "completion": [ANSWER],
                "label": True,
                "tools": [TOOL],
            },
        ),
    ],
)
def test_labelled_answers_become_a_prompt_an_answer_and_a_label(row: dict[str, Any], unpaired: dict[str, Any]) -> None:
    found = detect([row])
    assert found.shape == "unpaired-preference"
    assert to_canonical(row, found.shape, found.columns) == unpaired
    assert to_canonical(row, "unpaired-preference") == unpaired


@pytest.mark.parametrize(
    ("row", "field", "message", "kind"),
    [
        ({"messages": [USER, ANSWER]}, "label", "no such column", "missing"),
        (
            {"messages": [USER, ANSWER], "label": None, "kto_tag": "?"},
            "kto_tag",
            "expected true or false, found '?'",
            "type",
        ),
        ({"messages": [USER, ANSWER], "label": 2}, "label", "expected true or false, found a number", "type"),
        ({"messages": [USER, ANSWER], "label": [True]}, "label", "expected true or false, found a list", "type"),
        ({"messages": [USER], "label": True}, "messages", "no assistant turn", "no-answer"),
        ({"messages": [USER, ANSWER, USER], "label": True}, "messages", "ends without an answer", "no-answer"),
        ({"prompt": "a", "completion": " ", "label": True}, "completion", "is empty", "empty"),
    ],
)
def test_what_is_wrong_with_a_labelled_answer_is_named(
    row: dict[str, Any], field: str, message: str, kind: str
) -> None:
    with pytest.raises(RowProblem) as refused:
        to_canonical(row, "unpaired-preference")
    assert (refused.value.field, refused.value.kind) == (field, kind)
    assert message in refused.value.message


@pytest.mark.parametrize(
    "row",
    [
        {"chosen_messages": [USER, ANSWER], "rejected_messages": [USER, WORSE]},
        {"conversation_chosen": [HUMAN, GPT], "conversation_rejected": [HUMAN, BAD]},
        {"messages_preferred": [USER, ANSWER], "messages_dispreferred": [USER, WORSE]},
        {"good_dialog": [USER, ANSWER], "bad_dialog": [USER, WORSE]},
        {"messages": [USER, ANSWER], "rejected_response": "Go away"},
        {"messages": [USER, ANSWER], "rejected_messages": [USER, WORSE]},
        {"prompt": [USER], "chosen_response": "Hello", "rejected_response": "Go away"},
        {"question": "Hi", "answer_chosen": [ANSWER], "answer_rejected": [WORSE]},
        {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [WORSE]},
    ],
)
def test_pairs_go_by_many_names(row: dict[str, Any]) -> None:
    found = detect([row])
    assert found.shape == "preference"
    assert to_canonical(row, found.shape, found.columns) == EXPLICIT


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Hi", "answer": "Hello", "good": "yes", "bad": "no"},
        {"question": "Hi", "answer": "Hello", "chosen_by": "Ann", "rejected_by": None},
        {"messages": [USER, ANSWER], "rejected": False},
    ],
)
def test_other_columns_make_no_pair(row: dict[str, Any]) -> None:
    assert detect([row]).shape != "preference"
