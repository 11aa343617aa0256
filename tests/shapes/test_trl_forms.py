"""The forms that rows become are trl's own: where its functions do the same work, they give the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.shapes.turns import ANSWER, GPT, HUMAN, TOOL, USER, assistant, call, system, user
from tuitune.shapes import to_canonical

data_utils = pytest.importorskip("trl.data_utils")
WORSE = assistant("Go away")
WORDS = st.text("ab ", min_size=1, max_size=8).filter(str.strip)
TALK = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3).map(
    lambda pairs: [turn for asked, said in pairs for turn in (user(asked), assistant(said))]
)


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [HUMAN, GPT]},
        {"conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]},
        {"messages": [system("s"), USER, ANSWER]},
    ],
)
def test_sharegpt_becomes_chatml_as_trl_makes_it(row: dict[str, Any]) -> None:
    roles = {"human": "user", "gpt": "assistant"}
    theirs = data_utils.maybe_convert_to_chatml(copy.deepcopy(row))["messages"]
    theirs = [{**turn, "role": roles.get(turn["role"], turn["role"])} for turn in theirs]
    assert to_canonical(row, "sharegpt")["messages"] == theirs


@hypothesis(deadline=None, max_examples=50)
@given(TALK, TALK)
def test_an_implicit_prompt_is_found_where_trl_finds_it(
    chosen: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    rejected = [*chosen[:1], *other[1:]]
    assume(chosen != rejected)
    theirs = data_utils.extract_prompt({"chosen": chosen, "rejected": rejected})
    assume(theirs["chosen"][0]["role"] == theirs["rejected"][0]["role"] == "assistant")
    assert to_canonical({"chosen": chosen, "rejected": rejected}, "preference") == theirs


@hypothesis(deadline=None, max_examples=50)
@given(WORDS, WORDS, WORDS)
def test_an_implicit_prompt_of_plain_text_is_found_where_trl_finds_it(asked: str, said: str, other: str) -> None:
    row = {"chosen": f"{asked}c{said}", "rejected": f"{asked}r{other}"}
    theirs = data_utils.extract_prompt(row)
    assume(theirs["prompt"].strip())
    assert to_canonical(row, "preference") == theirs


CONVERSATIONAL = [
    to_canonical({"instruction": "a", "output": "b"}, "alpaca"),
    to_canonical({"messages": [USER, assistant("", tool_calls=[call("f", x=1)])], "tools": [TOOL]}, "tools"),
    to_canonical({"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": "No"}}, "preference"),
    to_canonical({"prompt": "Hi", "chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, "preference"),
    to_canonical({"messages": [USER, ANSWER], "label": True}, "unpaired-preference"),
]
PLAIN = [
    to_canonical({"text": "a"}, "text"),
    to_canonical({"prompt": "a", "completion": "b"}, "prompt-completion"),
    to_canonical({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference"),
    to_canonical({"chosen": "The sky is blue.", "rejected": "The sky is red."}, "preference"),
    to_canonical({"prompt": "a", "completion": "b", "label": False}, "unpaired-preference"),
]


@pytest.mark.parametrize("row", CONVERSATIONAL + PLAIN)
def test_every_form_is_one_that_trl_knows(row: dict[str, Any]) -> None:
    assert data_utils.is_conversational(row) == (row in CONVERSATIONAL)
    assert data_utils.maybe_extract_prompt(copy.deepcopy(row)) == row
    assert data_utils.maybe_convert_to_chatml(copy.deepcopy(row)) == row


@pytest.mark.parametrize("row", CONVERSATIONAL)
def test_templates_of_trl_take_every_conversation(row: dict[str, Any]) -> None:
    from trl.chat_template_utils import qwen3_chat_template

    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), eos_token="<|im_end|>")
    tokenizer.chat_template = qwen3_chat_template
    rendered = data_utils.apply_chat_template(row, tokenizer, tools=row.get("tools"))
    assert set(rendered) == {{"messages": "text"}.get(key, key) for key in row if key != "tools"}
    assert not row.get("tools") or '"name": "f", "arguments": {"x": 1}' in rendered["text"]


def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    return Tokenizer(WordLevel({"<|im_end|>": 0}, unk_token="<|im_end|>"))
