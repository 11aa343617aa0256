"""Prompts as tokens: up to where the answer begins, with what that is held against, or why there are none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.support import TEMPLATE, make_tokenizer
from tuitune.data.detect import detect
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.prompts import Prompt, PromptEncoder, text_of
from tuitune.engine.tokens.questions import question_and_answer
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.rewards import REWARDS
from tuitune.shapes import to_canonical

TOLD = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "First."}]
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "a prompt and what is expected": ({"prompt": "Two?", "solution": "It is 2."}, "<|user|>Two?<|end|><|assistant|>"),
    "a question and its answer": ({"question": "Two?", "answer": "It is 2."}, "<|user|>Two?<|end|><|assistant|>"),
    "a conversation": (
        {"messages": [*TOLD, {"role": "user", "content": "Two?"}, {"role": "assistant", "content": "It is 2."}]},
        "<|user|>One?<|end|><|assistant|>First.<|end|><|user|>Two?<|end|><|assistant|>",
    ),
}


def prompts_of(
    *rows: dict[str, Any], rewards: str = "", max_length: int = 512, template: Any = TEMPLATE
) -> list[Prompt]:
    single = Encoder(ChatTemplate(make_tokenizer(template)), "completion", max_length)
    encoder = PromptEncoder(single, [REWARDS[name] for name in rewards.split()])
    found = [detect([row]) for row in rows]
    canonical = [to_canonical(row, one.shape, one.columns) for row, one in zip(rows, found, strict=True)]
    return next(encoder.encode_all([canonical]))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_asked_ends_where_the_answer_begins(form: str) -> None:
    row, asked = FORMS[form]
    (prompt,) = prompts_of(row)
    assert prompt.problem == "" and make_tokenizer().decode(prompt.input_ids) == asked
    assert (text_of(prompt.question), text_of(prompt.answer)) == ("Two?", "It is 2.")
    assert prompt.learned == prompt.kept == prompt.length > 0


def test_plain_text_is_asked_as_it_is_where_there_is_no_template() -> None:
    (prompt,) = prompts_of({"prompt": "Two is ", "completion": "2 ⅔ 🙂"}, template=None)
    assert make_tokenizer().decode(prompt.input_ids) == "Two is "
    assert text_of(prompt.answer) == "2 ⅔ 🙂"


def test_a_prompt_is_asked_whole_or_not_at_all() -> None:
    long, short = prompts_of({"prompt": "word " * 40, "solution": "1"}, {"prompt": "a", "solution": "1"}, max_length=30)
    assert (long.kept, long.learned, long.cut) == (0, 0, True) and long.length > 30
    assert short.kept == short.length and not short.cut


@pytest.mark.parametrize(
    ("rewards", "expected", "why"),
    [("json", None, ""), ("exact", None, "exact"), ("json fields", "It is 2.", "fields"), ("numeric", "It is 2.", "")],
)
def test_a_row_that_a_reward_cannot_compare_says_which(rewards: str, expected: str | None, why: str) -> None:
    (prompt,) = prompts_of({"prompt": "Two?", "solution": expected}, rewards=rewards)
    assert (f"reward {why} " in prompt.problem) if why else prompt.problem == ""


def test_held_out_questions_come_from_prompts_that_have_an_answer() -> None:
    template = ChatTemplate(make_tokenizer())
    row = to_canonical({"prompt": "Two?", "solution": "2"}, "prompts", {"prompt": "prompt", "answer": "solution"})
    assert question_and_answer(row, template) == ("<|user|>Two?<|end|><|assistant|>", "2")
    assert question_and_answer({"messages": row["messages"]}, template) is None
