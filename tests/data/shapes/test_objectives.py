"""What each objective takes, why it refuses the rest, and ways out that work."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.data.shapes.turns import ANSWER, GPT, HUMAN, TOOL, USER, assistant
from tuitune.data.rows.fields import RowProblem
from tuitune.data.shapes.detect import detect, recognise
from tuitune.data.shapes.objectives import ANSWERED, Objective, convert_for, refusal, refusal_of, ways_out
from tuitune.data.sources.rows import Row
from tuitune.recipe.check import problems
from tuitune.recipe.schema import Recipe


def tables(changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Changes by dotted key as tables of a recipe."""
    made: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        section, name = key.split(".")
        made.setdefault(section, {})[name] = value
    return made


SHAPES = (*ANSWERED, "preference", "unpaired-preference", "vision", "unknown")
BAD = {"from": "gpt", "value": "Go away"}


@pytest.mark.parametrize("objective", get_args(Objective))
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_taken_or_refused_in_words(shape: str, objective: Objective) -> None:
    taken = {
        "sft": shape in ANSWERED,
        "dpo": shape == "preference",
        "kto": shape in ("preference", "unpaired-preference"),
    }[objective]
    assert (refusal(shape, objective) is None) == taken


def test_refusals_name_the_way_out() -> None:
    assert "data.columns" in str(refusal("preference"))
    assert 'cleaning.unusable = "drop"' in str(refusal("unpaired-preference"))
    assert "data.columns" in str(refusal("unknown"))
    assert "keep the columns of text" in str(refusal("vision", "dpo"))


def test_refusals_of_data_name_its_own_columns() -> None:
    asked = [{"role": "user", "content": "Why?"}]
    answers = {"chosen": {"role": "assistant", "content": "So."}, "rejected": {"role": "assistant", "content": "No."}}
    row = {"conversations": asked, **answers}
    reason = str(refusal_of(detect([row]), "sft", row))
    assert reason.endswith('data.shape = "columns", data.columns = { prompt = "conversations", completion = "chosen" }')
    assert refusal_of(detect([row]), "dpo", row) is None
    assert refusal_of(detect([{"strange": 1}]), "sft", {"strange": 1}) == refusal("unknown")


@pytest.mark.parametrize("shape", ANSWERED)
@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_good_answers_alone_are_for_sft(shape: str, objective: Objective) -> None:
    reason = str(refusal(shape, objective))
    assert "one answer each, all of them good" in reason and reason.endswith("train on them with sft")


def test_single_labelled_answers_are_for_kto() -> None:
    assert str(refusal("unpaired-preference", "dpo")).endswith("train on them with kto")


def test_each_objective_has_its_form() -> None:
    compared = {"prompt": "a", "chosen": "b", "rejected": "c"}
    assert set(convert_for("sft")({"messages": [USER, ANSWER]}, "messages", {})) == {"messages"}
    assert convert_for("dpo")(compared, "preference", {}) == convert_for("kto")(compared, "preference", {}) == compared
    assert convert_for("kto")({"prompt": "a", "completion": "b", "label": 1}, "unpaired-preference", None)["label"]
    with pytest.raises(RowProblem):
        convert_for("kto")({"text": "a"}, "text", None)


@pytest.mark.parametrize(
    ("row", "learned"),
    [
        ({"conversations": [HUMAN], "chosen": GPT, "rejected": BAD}, {"messages": [USER, ANSWER]}),
        ({"prompt": "Hi", "chosen": "Hello", "rejected": "No"}, {"messages": [USER, ANSWER]}),
        ({"prompt": "Hi", "chosen": [USER, ANSWER], "rejected": [USER, BAD]}, {"messages": [USER, ANSWER]}),
        ({"chosen": [USER, ANSWER], "rejected": [USER, BAD]}, {"messages": [USER, ANSWER]}),
        (
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
            {"messages": [USER, ANSWER]},
        ),
        ({"chosen": "The sky is blue.", "rejected": "The sky is red."}, {"text": "The sky is blue."}),
        (
            {"instruction": "Hi", "input": "x", "chosen": "Hello", "rejected": "No"},
            {"messages": [{"role": "user", "content": "Hi\n\nx"}, ANSWER]},
        ),
        ({"messages": [USER, ANSWER], "label": True}, {"messages": [USER, ANSWER]}),
        ({"prompt": "Hi", "completion": "Hello", "label": True}, {"messages": [USER, ANSWER]}),
        ({"image": "x.png", "question": "Hi", "answer": "Hello"}, {"messages": [USER, ANSWER]}),
        (
            {"images": ["x.png"], "messages": [USER, ANSWER], "tools": [TOOL]},
            {"messages": [USER, ANSWER], "tools": [TOOL]},
        ),
        ({"title": "Hi", "body": "Hello", "id": 3}, {"messages": [USER, ANSWER]}),
        ({"body": "Hello", "id": 3}, {"text": "Hello"}),
    ],
)
def test_the_first_way_out_of_a_row_works(row: dict[str, Any], learned: dict[str, Any]) -> None:
    found = detect([row])
    way = ways_out(found, "sft", row)[0]
    shape, columns = way.changes["data.shape"], way.changes["data.columns"]
    asked = recognise([Row(1, 1, row)], "auto", columns)
    assert (asked.shape, asked.columns) == (shape, columns)
    assert way.label and convert_for("sft")(row, shape, columns) == learned
    assert problems(Recipe.model_validate(tables(way.changes))) == []


def test_bad_answers_can_be_dropped_or_learned_from() -> None:
    row = {"messages": [USER, assistant("Go away")], "label": False}
    drop, keep = ways_out(detect([row]), "sft", row)
    assert drop.changes["cleaning.unusable"] == "drop"
    with pytest.raises(RowProblem, match="labelled as a bad answer"):
        convert_for("sft")(row, drop.changes["data.shape"], drop.changes["data.columns"])
    assert convert_for("sft")(row, keep.changes["data.shape"], keep.changes["data.columns"])


def test_there_are_no_ways_out_where_none_is_needed_or_none_is_known() -> None:
    assert ways_out(detect([{"text": "a"}])) == []
    assert ways_out(detect([{"text": "a"}]), "dpo") == []
    assert ways_out(detect([{"id": 3}]), "sft", {"id": 3}) == []
    assert ways_out(detect([{"image": "x.png", "id": 3}])) == []
    whole, texts = ways_out(detect([{"chosen": [USER, ANSWER], "rejected": [USER, BAD]}]))
    assert whole.changes["data.columns"] == {"messages": "chosen"} and texts.changes["data.columns"] == {
        "text": "chosen"
    }
