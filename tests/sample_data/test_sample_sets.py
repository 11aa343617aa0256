"""The data sets are what the build scripts compose, and each row is well formed."""

import json
import random
from itertools import islice

import compose_records
import compose_support
import compose_tasks
import compose_triage
import corpus
import make_sets
import pytest


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("sets")
    make_sets.write(out)
    return out


def rows_of(sample_data, name, split):
    recipe = make_sets.SETS[name]
    text = (sample_data / name / f"{split}.{recipe.ending}").read_text(encoding="utf-8")
    return json.loads(text) if recipe.ending == "json" else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("name", make_sets.SETS)
def test_the_scripts_give_the_bundled_files_byte_for_byte(sample_data, written, name, split):
    file = f"{name}/{split}.{make_sets.SETS[name].ending}"
    assert (written / file).read_bytes() == (sample_data / file).read_bytes()


@pytest.mark.parametrize("name", make_sets.SETS)
def test_no_question_is_asked_twice_nor_in_both_splits(sample_data, name):
    rows = rows_of(sample_data, name, "train") + rows_of(sample_data, name, "heldout")
    keys = [make_sets.SETS[name].key(row).lower() for row in rows]
    assert len(set(keys)) == len(keys) == make_sets.SETS[name].train + make_sets.SETS[name].heldout


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_every_triage_answer_is_a_record_that_the_message_bears_out(sample_data, split):
    for row in rows_of(sample_data, "triage", split):
        asked, answered = row["messages"]
        record = json.loads(answered["content"])
        assert (asked["role"], answered["role"]) == ("user", "assistant")
        assert tuple(record) == compose_triage.FIELDS
        assert record["category"] in compose_support.COMPLAINTS
        assert record["urgency"] in compose_support.URGENCY
        assert record["product"] in asked["content"]
        assert record["has_order"] == any(letter.isdigit() for letter in asked["content"])


def test_style_answers_are_entries_of_a_log(sample_data):
    for row in rows_of(sample_data, "style", "train"):
        lines = row["messages"][1]["content"].splitlines()
        assert lines[0].startswith("Ship's log, ") and len(lines) >= 3


def test_alpaca_and_preference_rows_have_their_shapes(sample_data):
    alpaca = rows_of(sample_data, "alpaca", "train")
    assert all(
        set(row) == {"instruction", "input", "output"} and row["instruction"] and row["output"] for row in alpaca
    )
    assert {bool(row["input"]) for row in alpaca} == {True, False}
    for row in rows_of(sample_data, "preferences", "train"):
        assert set(row) == {"prompt", "chosen", "rejected"} and row["chosen"] != row["rejected"]


def test_feedback_is_of_both_kinds_and_a_good_answer_is_a_whole_one(sample_data):
    rows = rows_of(sample_data, "feedback", "train")
    good = [row["completion"] for row in rows if row["label"] is True]
    assert 0.5 < len(good) / len(rows) < 0.6 and {row["label"] for row in rows} == {True, False}
    assert all(answer.endswith((".", "!", "?")) and not answer.isupper() for answer in good)


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_answer_of_a_task_is_of_the_kind_it_says_and_json_has_the_keys_that_are_asked_for(sample_data, split):
    rows = rows_of(sample_data, "tasks", split)
    assert {row["task"] for row in rows} == set(compose_tasks.TASKS)
    for row in rows:
        if row["task"] == "json":
            answer = json.loads(row["answer"])
            assert ", ".join(answer) in row["prompt"]
        elif row["task"] == "number":
            assert row["answer"] == str(int(row["answer"]))
        elif row["task"] == "word":
            assert row["answer"].replace(" ", "").isalpha()
        else:
            assert len(row["answer"].split(", ")) >= 3


def test_prose_has_several_paragraphs_and_no_choice_left_open(sample_data):
    for row in rows_of(sample_data, "prose", "train"):
        assert set(row) == {"text"} and len(row["text"].split("\n\n")) >= 3
        assert not set("[]{}|") & set(row["text"]) and "  " not in row["text"]


def test_the_pretraining_text_leaves_out_barred_messages_and_never_shows_a_triage_record(sample_data):
    seen = list(islice(corpus.conversations("seed"), 3000))
    barred = frozenset(message["content"] for talk in seen[:500] for message in talk)
    kept = list(islice(corpus.conversations("seed", barred), 1000))
    assert barred.isdisjoint(message["content"] for talk in kept for message in talk)
    assert not any('"urgency"' in message["content"] for talk in seen for message in talk)


def test_other_records_are_json_or_plain_text_and_never_in_the_triage_schema():
    rng = random.Random(0)
    answers = [compose_records.exchange(rng)[1] for _ in range(500)]
    records = [json.loads(answer) for answer in answers if answer.startswith('{"') and answer.endswith("}")]
    assert len(records) > 200
    assert all(not set(compose_triage.FIELDS) & set(record) for record in records)
