"""Preferences as tokens: two answers behind the same tokens of what was asked, or the reason why there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.support import TEMPLATE, make_tokenizer
from tuitune.engine.tokens.collator import IGNORED, pad_pairs
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.pairs import Pair, PairEncoder
from tuitune.engine.tokens.questions import question_and_answer
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.shapes import to_canonical


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


ASKED, EARLIER, AGAIN = turn("user", "One?"), turn("assistant", "First."), turn("user", "Two?")
BETTER, WORSE = turn("assistant", "It is two."), turn("assistant", "No idea.")
FORMS: dict[str, dict[str, Any]] = {
    "a prompt in words": {"prompt": "Two?", "chosen": "It is two.", "rejected": "No idea."},
    "turns": {"prompt": [ASKED, EARLIER, AGAIN], "chosen": [BETTER], "rejected": [WORSE]},
    "two conversations": {"chosen": [ASKED, EARLIER, AGAIN, BETTER], "rejected": [ASKED, EARLIER, AGAIN, WORSE]},
    "other names": {"question": "Two?", "answer_better": "It is two.", "answer_worse": "No idea."},
    "beside a conversation": {"messages": [ASKED, BETTER], "rejected_response": "No idea."},
}


def encoder(template: str | None = TEMPLATE, max_length: int = 512) -> PairEncoder:
    return PairEncoder(Encoder(ChatTemplate(make_tokenizer(template)), "assistant", max_length))


def pairs_of(rows: list[dict[str, Any]], **how: Any) -> list[Pair]:
    """Rows in any form, as the encoder makes them."""
    return next(encoder(**how).encode_all([[to_canonical(row, "preference") for row in rows]]))


def learned(one: Any) -> str:
    return str(make_tokenizer().decode(one.input_ids[one.labels != IGNORED]))


def asked(one: Any) -> list[int]:
    first = int(np.flatnonzero(one.labels != IGNORED)[0])
    return [int(number) for number in one.input_ids[:first]]


@pytest.mark.parametrize(
    ("form", "template"), [*((form, TEMPLATE) for form in FORMS), ("a prompt in words", None)], ids=str
)
def test_both_answers_and_their_ends_are_learned_behind_the_same_prompt(form: str, template: str | None) -> None:
    (pair,) = pairs_of([FORMS[form]], template=template)
    assert pair.problem == "" and learned(pair.chosen) == "It is two.<|end|>"
    assert learned(pair.rejected) == "No idea.<|end|>", "an answer in what was asked is context"
    assert asked(pair.chosen) == asked(pair.rejected) and len(asked(pair.chosen)) == pair.shared > 0
    assert pair.kept == len(pair.chosen.input_ids) + len(pair.rejected.input_ids)
    assert pair.learned == pair.chosen.learned + pair.rejected.learned


def test_a_tool_in_between_is_no_answer() -> None:
    looked = [turn("assistant", "Looking."), turn("tool", "2"), turn("assistant", "It is two.")]
    (pair,) = pairs_of([{"prompt": [ASKED], "chosen": looked, "rejected": [WORSE]}])
    assert learned(pair.chosen) == "Looking.<|end|>It is two.<|end|>"


def test_where_a_tokenizer_joins_prompt_and_answer_both_are_compared_from_the_same_token_on() -> None:
    """ "th" and "e" make one token, "th" and "x" do not."""
    (pair,) = pairs_of([{"prompt": "the order is th", "chosen": "e order", "rejected": "x"}], template=None)
    chosen, rejected = ([int(one) for one in side.input_ids] for side in pair.sides)
    assert chosen[: pair.shared] == rejected[: pair.shared] == asked(pair.chosen) == asked(pair.rejected)
    assert learned(pair.chosen).endswith("e order<|end|>") and learned(pair.rejected).endswith("x<|end|>")


ANSWERED = {"prompt": [ASKED], "chosen": [BETTER], "rejected": [WORSE]}
LOWERING = TEMPLATE.replace("{{ m.content }}", "{{ m.content | lower }}")
COUNTING = "{{ messages[-1].content | length }}" + TEMPLATE
REFUSING = "{% if 'idea' in messages[-1].content %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE


@pytest.mark.parametrize(
    ("row", "template", "words"),
    [
        ({"prompt": "Two?", "chosen": "Yes", "rejected": "YES"}, LOWERING, "nothing to prefer"),
        (ANSWERED, COUNTING, "what was asked otherwise"),
        (ANSWERED, REFUSING, "rejected answer"),
    ],
    ids=["the same as the template writes them", "the prompt differs", "one side is refused"],
)
def test_pairs_that_cannot_be_compared_say_why(row: dict[str, Any], template: str, words: str) -> None:
    good = {"prompt": "One?", "chosen": "Good idea.", "rejected": "Nothing at all."}
    pair, *_ = pairs_of([row, good], template=template)
    assert words in pair.problem and pair.length == pair.learned == 0


def test_a_long_prompt_or_a_late_difference_leaves_nothing_to_learn() -> None:
    long, late = "please " * 40, "the same answer " * 10
    rows = [
        {"prompt": long, "chosen": "Yes", "rejected": "No"},
        {"prompt": "Two?", "chosen": late + "yes", "rejected": late + "no"},
        {"prompt": "Two?", "chosen": "Yes " + late, "rejected": "No"},
    ]
    hidden, same, cut = pairs_of(rows, max_length=60)
    assert (hidden.learned, same.learned) == (0, 0) and hidden.cut and same.cut
    assert cut.learned > 0 and cut.cut and cut.length == cut.chosen.length > 60 and cut.kept < 120


def test_a_batch_holds_the_chosen_answers_and_then_the_rejected_ones() -> None:
    found = pairs_of([FORMS["a prompt in words"], FORMS["turns"]])
    rows = [dict(zip(Pair.columns, (numbers.tolist() for numbers in pair.arrays), strict=True)) for pair in found]
    batch = pad_pairs(rows, pad_token_id=0)
    sides = [*(pair.chosen for pair in found), *(pair.rejected for pair in found)]
    assert set(batch) == {"input_ids", "attention_mask", "completion_mask", "tokens"}
    assert batch["tokens"] == sum(len(one.input_ids) for one in sides) == int(batch["attention_mask"].sum())
    for row, one in zip(range(4), sides, strict=True):
        width = len(one.input_ids)
        assert torch.equal(batch["input_ids"][row, :width], torch.tensor(one.input_ids).long())
        assert batch["completion_mask"][row].nonzero().flatten().tolist() == np.flatnonzero(one.labels >= 0).tolist()


def test_control_tokens_are_found_and_removed_in_both_answers() -> None:
    tokenizer = make_tokenizer()
    control = ControlTokens(tokenizer)
    for form in ("a prompt in words", "turns"):
        row = to_canonical(FORMS[form], "preference")
        assert control.found(row) == () and control.removed(row) is row
        end = "It is two.<|end|>" if isinstance(row["chosen"], str) else [turn("assistant", "It is two.<|end|>")]
        marred = {**row, "chosen": end}
        assert control.found(marred) == ("<|end|> in an answer",)
        assert control.removed(marred) == row
    assert control.removed({"prompt": "a", "chosen": "<|end|>", "rejected": "b"}) is None
    plain = ControlTokens(make_tokenizer(None))
    assert plain.removed({"prompt": "a", "chosen": "b<|end|>c", "rejected": "d"}) == {
        "prompt": "a", "chosen": "bc", "rejected": "d",
    }  # fmt: skip


def test_the_answer_of_a_pair_is_the_chosen_one() -> None:
    template = ChatTemplate(make_tokenizer())
    for form in ("a prompt in words", "turns"):
        found = question_and_answer(to_canonical(FORMS[form], "preference"), template)
        assert found is not None and found[1] == "It is two." and found[0].endswith("Two?<|end|><|assistant|>")
