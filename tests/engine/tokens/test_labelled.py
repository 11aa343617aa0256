"""Labelled answers as tokens, and the batches that hold each question against the answer to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.support import TEMPLATE, make_tokenizer, write_rows
from tuitune.engine.tokens.collator import IGNORED, pad_labelled
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.labelled import Labelled, LabelledEncoder
from tuitune.engine.tokens.questions import question_and_answer
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.shapes import to_canonical

ASKED, EARLIER = {"role": "user", "content": "One?"}, {"role": "assistant", "content": "First."}
TALK = [ASKED, EARLIER, {"role": "user", "content": "Two?"}, {"role": "assistant", "content": "It is two."}]
FORMS: dict[str, dict[str, Any]] = {
    "a prompt in words": {"prompt": "Two?", "completion": "It is two.", "label": False},
    "a conversation": {"messages": TALK, "label": 0},
    "Alpaca": {"instruction": "Two?", "output": "It is two.", "kto_tag": "false"},
}


def encoded(rows: list[dict[str, Any]], template: str | None = TEMPLATE, max_length: int = 512) -> list[Labelled]:
    encoder = LabelledEncoder(Encoder(ChatTemplate(make_tokenizer(template)), "assistant", max_length))
    canonical = [to_canonical(row, "unpaired-preference") for row in rows]
    return [one for chunk in encoder.encode_all([canonical[:1], canonical[1:]]) for one in chunk]


def text(ids: Any) -> str:
    return str(make_tokenizer().decode(ids))


@pytest.mark.parametrize(("form", "template"), [*((form, TEMPLATE) for form in FORMS), ("a prompt in words", None)])
def test_the_labelled_answer_and_its_end_are_learned(form: str, template: str | None) -> None:
    bad, good = encoded([FORMS[form], {"prompt": "Hi", "completion": "Hello", "label": True}], template)
    assert (bad.problem, bad.good, good.good) == ("", False, True)
    assert text(bad.input_ids[bad.labels != IGNORED]) == "It is two.<|end|>", "an earlier answer is context"


def test_a_batch_pairs_each_question_with_the_answer_before_it() -> None:
    rows = encoded([{"prompt": f"Q{n}?", "completion": f"A{n}." * n, "label": n > 1} for n in (1, 2, 3)])
    columns = [dict(zip(LabelledEncoder.columns, map(np.ndarray.tolist, row.arrays), strict=True)) for row in rows]
    batch = pad_labelled(columns, pad_token_id=0, most=12)
    assert batch["label"].tolist() == [False, True, True]
    real = [ids[mask.bool()] for ids, mask in zip(batch["KL_input_ids"], batch["KL_attention_mask"], strict=True)]
    asked = [text(ids).partition("Q")[2][:1] for ids in real]
    kept = zip(real, batch["KL_completion_mask"], strict=True)
    said = [text(ids[mask[: len(ids)].bool()]) for ids, mask in kept]
    assert asked == ["1", "2", "3"] and [one[:3] for one in said] == ["A3.", "A1.", "A2."]
    assert max(map(len, real)) <= 12 and batch["tokens"] == sum(row.kept for row in rows)
    alone = pad_labelled(columns[:1], pad_token_id=0, most=64)
    assert alone["KL_input_ids"].tolist() == alone["input_ids"].tolist()


def test_a_bad_answer_is_no_answer_to_be_held_against() -> None:
    template = ChatTemplate(make_tokenizer())
    rows = [to_canonical({"messages": TALK, "label": label}, "unpaired-preference") for label in (True, False)]
    good, bad = (question_and_answer(row, template) for row in rows)
    assert good is not None and good[1] == "It is two." and bad is None


def test_control_tokens_are_found_in_labelled_answers_and_removed() -> None:
    control = ControlTokens(make_tokenizer())
    row = to_canonical({"messages": [*TALK[:3], {"role": "assistant", "content": "No<|end|>."}], "label": True},
                       "unpaired-preference")  # fmt: skip
    assert control.found(row) == ("<|end|> in an answer",)
    cleaned = control.removed(row)
    assert cleaned is not None and cleaned["label"] is True and cleaned["completion"][0]["content"] == "No."
    empty = {**row, "completion": [{"role": "assistant", "content": "<|end|>"}]}
    assert control.removed(empty) is None


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize(("label", "said"), [(True, "good"), (False, "bad")])
def test_the_inspector_says_first_what_an_answer_is_labelled(
    tiny: Path, tmp_path: Path, label: bool, said: str
) -> None:
    from tuitune.engine.jobs.inspector import RowInspector

    row = {"prompt": "Two?", "completion": "It is two.", "label": label}
    data = write_rows(tmp_path / "rows.jsonl", [row])
    wanted = {"objective.kind": "kto", "model.id": str(tiny), "data.train": str(data)}
    first, *rest = RowInspector(with_values(Recipe(), wanted), tmp_path).row(row)["verdicts"]
    assert first["id"] == "label" and said in first["text"] and rest
