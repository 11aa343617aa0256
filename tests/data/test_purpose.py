"""What rows serve which purpose, why others do not, and ways out that work."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shapes.turns import ANSWER, GPT, HUMAN, TOOL, USER, assistant
from tuitune.data.detect import detect, recognise
from tuitune.data.purpose import ANYTHING, Purpose, refusal, refusal_of, settings_of, takes, ways_out
from tuitune.data.sources.rows import Row
from tuitune.objectives import TRAINED
from tuitune.recipe.check import problems
from tuitune.recipe.schema import Recipe
from tuitune.rows.fields import RowProblem
from tuitune.shapes import READABLE, SHAPES, TRAINABLE, to_canonical


def tables(changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Changes by dotted key as tables of a recipe."""
    made: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        section, name = key.split(".")
        made.setdefault(section, {})[name] = value
    return made


ANSWERS = Purpose("sft", ("answers", "text"))
PAIRS = Purpose("dpo", ("preferences",))
LABELS = TRAINED["kto"]
TEXT = TRAINED["pretrain"]
ANSWERED = tuple(name for name in TRAINABLE if takes(ANSWERS, name))
BAD = {"from": "gpt", "value": "Go away"}


@pytest.mark.parametrize("purpose", [ANSWERS, PAIRS, LABELS], ids=lambda purpose: purpose.name)
@pytest.mark.parametrize("shape", [*SHAPES, "unknown"])
def test_every_shape_is_taken_or_refused_in_words(shape: str, purpose: Purpose) -> None:
    taken = {
        "sft": shape in ANSWERED,
        "dpo": shape == "preference",
        "kto": shape == "unpaired-preference",
    }[purpose.name]
    assert (refusal(shape, purpose) is None) == taken


def test_every_shape_that_can_be_read_serves_one_who_wants_anything() -> None:
    assert {name for name in SHAPES if refusal(name, ANYTHING) is None} == set(READABLE)


def test_refusals_name_the_way_out() -> None:
    assert "data.columns" in str(refusal("preference", ANSWERS))
    assert 'cleaning.unusable = "drop"' in str(refusal("unpaired-preference", ANSWERS))
    assert all("data.columns" in str(refusal("unknown", purpose)) for purpose in (ANSWERS, PAIRS, LABELS, TEXT))
    assert "convert --to unpaired-preference" in str(refusal("preference", LABELS))
    assert "keep the text columns" in str(refusal("vision", PAIRS))


def test_refusals_of_data_name_its_own_columns() -> None:
    asked = [{"role": "user", "content": "Why?"}]
    answers = {"chosen": {"role": "assistant", "content": "So."}, "rejected": {"role": "assistant", "content": "No."}}
    row = {"conversations": asked, **answers}
    reason = str(refusal_of(detect([row]), ANSWERS, row))
    assert reason.endswith('data.shape = "columns", data.columns = { prompt = "conversations", completion = "chosen" }')
    assert refusal_of(detect([row]), PAIRS, row) is None
    strange = refusal_of(detect([{"strange": 1}]), ANSWERS, {"strange": 1})
    assert strange == f"{refusal('unknown', ANSWERS)}; it has strange"
    rated = {"q": "Why?", "a": "So.", "fine": 1}
    mapped = recognise([Row(1, 1, rated)], "auto", {"prompt": "q", "completion": "a", "label": "fine"})
    assert 'data.shape = "unpaired-preference"' in str(refusal_of(mapped, LABELS, rated))
    assert "convert" not in str(refusal("messages", TEXT)), "a conversation becomes no text without a template"
    assert 'objective.kind = "dpo", "reward", "orpo" or "simpo" does' in str(refusal_of(detect([row]), TEXT, row))


@pytest.mark.parametrize(
    ("purpose", "wanted"), [(PAIRS, "chosen and rejected"), (LABELS, "label, true for a good one")]
)
def test_those_who_compare_answers_say_what_rows_need(purpose: Purpose, wanted: str) -> None:
    for shape in (*ANSWERED, "unknown"):
        assert wanted in str(refusal(shape, purpose))


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
    way = ways_out(found, ANSWERS, row)[0]
    shape, columns = settings_of(way)["data.shape"], settings_of(way)["data.columns"]
    asked = recognise([Row(1, 1, row)], "auto", columns)
    assert (asked.shape, asked.columns) == (shape, columns)
    assert way.label and to_canonical(row, shape, columns) == learned
    assert problems(Recipe.model_validate(tables(settings_of(way)))) == []


def test_bad_answers_can_be_dropped_or_learned_from() -> None:
    row = {"messages": [USER, assistant("Go away")], "label": False}
    drop, keep, judge = ways_out(detect([row]), ANSWERS, row)
    assert settings_of(judge)["objective.kind"] == "kto"
    assert settings_of(drop)["cleaning.unusable"] == "drop"
    with pytest.raises(RowProblem, match="labelled as a bad answer"):
        to_canonical(row, settings_of(drop)["data.shape"], settings_of(drop)["data.columns"])
    assert to_canonical(row, settings_of(keep)["data.shape"], settings_of(keep)["data.columns"])


def test_there_are_no_ways_out_where_none_is_needed_or_none_is_known() -> None:
    assert ways_out(detect([{"text": "a"}]), ANSWERS) == []
    assert ways_out(detect([{"text": "a"}]), PAIRS) == []
    assert ways_out(detect([{"id": 3}]), ANSWERS, {"id": 3}) == []
    assert ways_out(detect([{"image": "x.png", "id": 3}]), ANSWERS) == []
    whole, texts, *_ = ways_out(detect([{"chosen": [USER, ANSWER], "rejected": [USER, BAD]}]), ANSWERS)
    assert settings_of(whole)["data.columns"] == {"messages": "chosen"} and settings_of(texts)["data.columns"] == {
        "text": "chosen"
    }


@pytest.mark.parametrize(("name", "place"), [("dpo", -4), ("reward", -3), ("orpo", -2), ("simpo", -1)])
def test_another_objective_is_a_way_out_too(name: str, place: int) -> None:
    """The one that takes the data as it is: its settings serve, whatever the columns are called."""
    row = {"question": "Hi", "answer_better": "Hello", "answer_worse": "No"}
    found = detect([row])
    assert 'objective.kind = "dpo"' in str(refusal_of(found, ANSWERS, row))
    changes = settings_of(ways_out(found, ANSWERS, row)[place])
    recipe = Recipe.model_validate(tables(changes))
    assert problems(recipe) == [] and recipe.optimises.name == name
    read = to_canonical(row, recipe.data.shape, recipe.data.columns)
    assert read == {"prompt": "Hi", "chosen": "Hello", "rejected": "No"}
