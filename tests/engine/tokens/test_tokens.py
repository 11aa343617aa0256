"""Which tokens of a row are learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import TEMPLATE, Carry, make_tokenizer, save_model, write_rows
from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.questions import question_and_answer
from tuitune.engine.tokens.template import PLAIN_TEMPLATE, ChatTemplate

UNMARKED = TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
FORGETFUL = UNMARKED.replace(
    "{{ m.content }}<|end|>{% else %}", "{{ m.content if loop.last else '…' }}<|end|>{% else %}"
)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hé 👋, first?"},
    {"role": "assistant", "content": "One."},
    {"role": "user", "content": "Second?"},
    {"role": "assistant", "content": "Two."},
]
PLAIN_ROW = {"prompt": "2 + 2 =", "completion": " 4"}


def learned(tokenizer: Any, row: dict[str, Any], loss_on: str = "assistant", max_length: int = 512) -> str:
    """The text of the tokens that a row teaches, with | where others lie between."""
    (encoded,) = Encoder(ChatTemplate(tokenizer), loss_on, max_length).encode([row])
    runs: list[list[int]] = [[]]
    for label in encoded.labels:
        if label >= 0:
            runs[-1].append(label)
        elif runs[-1]:
            runs.append([])
    return "|".join(tokenizer.decode(run) for run in runs if run)


@pytest.mark.parametrize("template", [TEMPLATE, UNMARKED], ids=["marked", "unmarked"])
@pytest.mark.parametrize(
    ("loss_on", "expected"),
    [
        ("assistant", "One.<|end|>|Two.<|end|>"),
        ("completion", "Two.<|end|>"),
        (
            "all",
            "<|system|>Be brief.<|end|><|user|>Hé 👋, first?<|end|><|assistant|>One.<|end|>"
            "<|user|>Second?<|end|><|assistant|>Two.<|end|>",
        ),
    ],
)
def test_conversations(template: str, loss_on: str, expected: str) -> None:
    assert learned(make_tokenizer(template), {"messages": TALK}, loss_on) == expected


@pytest.mark.parametrize("template", [TEMPLATE, UNMARKED], ids=["marked", "unmarked"])
@pytest.mark.parametrize(
    ("apart", "loss_on", "expected"),
    [
        ((2,), "assistant", "Two.<|end|>"),
        ((4,), "assistant", "One.<|end|>"),
        ((2, 4), "assistant", ""),
        ((2,), "completion", "Two.<|end|>"),
        ((4,), "completion", ""),
    ],
)
def test_answers_of_weight_nought_are_not_learned(
    template: str, apart: tuple[int, ...], loss_on: str, expected: str
) -> None:
    turns = [{**turn, "weight": 0} if place in apart else turn for place, turn in enumerate(TALK)]
    tokenizer = make_tokenizer(template)
    assert learned(tokenizer, {"messages": turns}, loss_on) == expected
    assert learned(tokenizer, {"messages": turns}, "all") == learned(tokenizer, {"messages": TALK}, "all")


def test_an_answer_of_weight_nought_must_be_told_from_the_others() -> None:
    in_pieces = TEMPLATE.replace(
        "{{ m.content }}<|end|>{% endgeneration %}",
        "{{ m.content }}{% endgeneration %}\n{% generation %}<|end|>{% endgeneration %}",
    )
    row = {"messages": [*TALK[:2], {**TALK[2], "weight": 0}, *TALK[3:]]}
    (encoded,) = Encoder(ChatTemplate(make_tokenizer(in_pieces)), "assistant", 512).encode([row])
    assert "weight 0" in encoded.problem and "4 pieces in 2 answers" in encoded.problem


CALL = {"type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
CALLING = [
    {"role": "user", "content": "What does the clock say?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "name": "clock", "content": "12:00"},
    {"role": "assistant", "content": "Noon."},
]


@pytest.mark.parametrize("template", [TEMPLATE, UNMARKED], ids=["marked", "unmarked"])
def test_a_call_that_the_template_leaves_out_is_refused(template: str) -> None:
    encoder = Encoder(ChatTemplate(make_tokenizer(template)), "assistant", 512)
    spoken, called = encoder.encode([{"messages": TALK}, {"messages": CALLING}])
    assert not spoken.problem and spoken.learned
    assert "drops its tool calls" in called.problem
    without_calls = [CALLING[0], {"role": "assistant", "content": "Wait."}, *CALLING[2:]]
    (row,) = encoder.encode([{"messages": without_calls, "tools": [CALL]}])
    assert not row.problem


def test_a_template_that_forgets_is_refused_unless_the_last_answer_is_enough() -> None:
    tokenizer = make_tokenizer(FORGETFUL)
    with pytest.raises(EngineError, match="loss_on"):
        learned(tokenizer, {"messages": TALK})
    assert learned(tokenizer, {"messages": TALK}, "completion") == "Two.<|end|>"


def test_prompt_and_completion() -> None:
    assert learned(make_tokenizer(None), PLAIN_ROW) == " 4<|end|>"
    assert learned(make_tokenizer(None), PLAIN_ROW, "all") == "2 + 2 = 4<|end|>"
    assert learned(make_tokenizer(), PLAIN_ROW) == " 4<|end|>"


def test_text_is_learned_whole_and_ends() -> None:
    assert learned(make_tokenizer(None), {"text": "Once upon a time"}) == "Once upon a time<|end|>"


def test_rows_are_cut() -> None:
    tokenizer = make_tokenizer()
    (encoded,) = Encoder(ChatTemplate(tokenizer), "all", 12).encode([{"messages": TALK}])
    assert encoded.cut and len(encoded.input_ids) == len(encoded.labels) == 12


def test_many_rows_are_encoded_as_each_alone_whatever_is_wrong_with_some() -> None:
    refusing = "{% if messages[0].content == 'no' %}{{ raise_exception('not this') }}{% endif %}" + TEMPLATE
    encoder = Encoder(ChatTemplate(make_tokenizer(refusing)), "assistant", 64)
    talks = [[{"role": "user", "content": f"Question {n}?"}, *TALK[2:]] for n in range(100)]
    talks[40][0] = {"role": "user", "content": "no"}
    rows = [{"messages": talk} for talk in talks] + [PLAIN_ROW, {"text": "plain"}]
    together = [row for chunk in encoder.encode_all([rows[:70], rows[70:]]) for row in chunk]
    alone = [encoder.encode([row])[0] for row in rows]
    assert [row.problem for row in together] == [row.problem for row in alone]
    assert [place for place, row in enumerate(together) if row.problem] == [40]
    for one, other in zip(together, alone, strict=True):
        assert one.input_ids.tolist() == other.input_ids.tolist() and one.labels.tolist() == other.labels.tolist()


def test_questions_end_where_the_last_answer_begins() -> None:
    question, answer = question_and_answer({"messages": TALK}, ChatTemplate(make_tokenizer())) or ("", "")
    assert question.endswith("Second?<|end|><|assistant|>") and answer == "Two."
    assert question_and_answer(PLAIN_ROW, ChatTemplate(make_tokenizer(None))) == ("2 + 2 =", " 4")
    assert question_and_answer({"text": "nothing"}, ChatTemplate(make_tokenizer())) is None


def test_a_model_without_a_template_gets_a_plain_one(carried: Carry, tmp_path: Path) -> None:
    outcome = carried(model__id=str(save_model(tmp_path / "base", template=None)), data__max_length=256)
    assert outcome.code == 0, outcome.reason
    assert "plain-template" in [alert["id"] for alert in outcome.records("alert")]
    assert (outcome.run.adapter / "chat_template.jinja").read_text() == PLAIN_TEMPLATE
    assert learned(make_tokenizer(PLAIN_TEMPLATE), {"messages": TALK}) == "One.<|end|>|Two.<|end|>"


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Say WORD", "input": "", "output": "WORD, hi there"},
        {"text": "just some WORD to learn from"},
        {"prompt": "a WORD b", "completion": " d e f"},
        {"question": "what is WORD?", "answer": "a test"},
        {"conversations": [{"from": "human", "value": "hello WORD"}, {"from": "gpt", "value": "good day"}]},
    ],
    ids=["alpaca", "text", "prompt-completion", "columns", "sharegpt"],
)
def test_every_shape_trains(carried: Carry, tmp_path: Path, row: dict[str, Any]) -> None:
    words = ("apple", "bridge", "candle", "desert", "engine", "forest")
    rows = [json.loads(json.dumps(row).replace("WORD", word)) for word in words]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    outcome = carried(data__train=str(data), evaluation__answers=2)
    assert outcome.code == 0, outcome.reason
    assert bool(outcome.records("answers")) == ("text" not in row)
