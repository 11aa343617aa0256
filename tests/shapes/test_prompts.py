"""Prompts with what their answers are held against: recognised, read, and told from rows of answers."""

from __future__ import annotations

from typing import Any

import pytest

from tuitune.data.detect import detect
from tuitune.rows.fields import RowProblem
from tuitune.shapes import to_canonical

ASKED = [{"role": "user", "content": "2 + 2?"}]


@pytest.mark.parametrize(
    ("row", "columns", "expected"),
    [
        ({"prompt": "2 + 2?"}, {"prompt": "prompt"}, None),
        ({"problem": "2 + 2?", "answer": 4}, {"prompt": "problem", "answer": "answer"}, "4"),
        ({"prompt": ASKED, "ground_truth": "4"}, {"prompt": "prompt", "answer": "ground_truth"}, "4"),
        ({"question": "2 + 2?", "solution": {"sum": 4}}, {"prompt": "question", "answer": "solution"}, '{"sum": 4}'),
    ],
)
def test_prompts_are_recognised_with_what_they_are_held_against(
    row: dict[str, Any], columns: dict[str, str], expected: str | None
) -> None:
    found = detect([row])
    assert (found.shape, found.columns) == ("prompts", columns)
    assert to_canonical(row, found.shape, found.columns) == {
        "messages": ASKED,
        **({} if expected is None else {"answer": expected}),
    }


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"question": "2 + 2?", "answer": "4"}, "columns"),
        ({"prompt": "2 + 2?", "completion": "4"}, "prompt-completion"),
        ({"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}, "preference"),
        ({"instruction": "Add.", "input": "2 2", "output": "4"}, "alpaca"),
        ({"text": "2 + 2", "prompt": "?"}, "text"),
    ],
)
def test_rows_with_answers_to_learn_are_none(row: dict[str, Any], shape: str) -> None:
    assert detect([row]).shape == shape


def test_a_conversation_that_asks_nothing_is_a_problem_of_its_row() -> None:
    turns = [*ASKED, {"role": "assistant", "content": "4"}]
    with pytest.raises(RowProblem) as problem:
        to_canonical({"prompt": turns}, "prompts", {"prompt": "prompt"})
    assert problem.value.field == "prompt"


def test_a_system_text_and_named_columns_are_read() -> None:
    row = {"q": "2 + 2?", "result": "4", "about": "Be brief."}
    found = to_canonical(row, "prompts", {"prompt": "q", "answer": "result", "system": "about"})
    assert found == {"messages": [{"role": "system", "content": "Be brief."}, *ASKED], "answer": "4"}
