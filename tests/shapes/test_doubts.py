"""Sound rows whose judgement contradicts what they show: found by what they say, and never where the rules may err."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.preparation.sets import asked, write
from tuitune.data.detect import detect
from tuitune.data.preparation.prepare import prepare
from tuitune.data.scan.inspect import inspect
from tuitune.shapes import doubt_of, to_canonical

FULL = "The tide comes in twice a day. It goes out again about six hours later."
CUT = "The tide comes in twice a day. It goes out again about six"
REFUSES = "I'm sorry, but I can't help with that."


def doubt(row: dict[str, Any]) -> str:
    found = detect([row])
    return doubt_of(to_canonical(row, found.shape, found.columns), row, found.shape, found.columns)


def pair(chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    return {"prompt": "When is high water?", "chosen": chosen, "rejected": rejected, **more}


def talk(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        (pair("n/a", FULL), "say nothing"),
        (pair("…", FULL), "say nothing"),
        (pair(CUT, FULL), "break off"),
        (pair(f"{CUT},", FULL), "break off"),
        (pair(REFUSES, FULL), "refuse"),
        (pair("As an AI language model, I cannot provide that.", FULL), "refuse"),
        ({"chosen": talk("When?", REFUSES), "rejected": talk("When?", FULL)}, "refuse"),
        (pair("Yes", "No", chosen_score=2, rejected_score=7.5), "lower score"),
        (
            {"question": "When?", "answer_better": "Yes", "answer_worse": "No", "rating_better": 1, "rating_worse": 4},
            "low",
        ),
        (pair("Yes", "No", **{"chosen-rating": 4.0, "rejected-rating": 4.0}), "same score"),
        ({"chosen": "Paris is far.", "rejected": "Pizza is hot."}, "within a word"),
        (
            {"prompt": "How deep?", "chosen": talk("When?", "At six."), "rejected": talk("When?", "No.")},
            "another question",
        ),
        (pair("When is high water? At six.", "When is high water? No."), "what was asked once more"),
        (
            pair("When is high water? At six.", "When is high water? No.", system="Be brief."),
            "what was asked once more",
        ),
        ({"prompt": "When is it?", "completion": "When is it? At six.", "label": False}, "what was asked once more"),
        ({"prompt": "When?", "completion": "[removed]", "label": True}, "say nothing"),
        ({"prompt": "When?", "completion": CUT, "label": 1}, "break off"),
    ],
)
def test_what_looks_swapped_or_wrongly_called_good_is_in_doubt(row: dict[str, Any], phrase: str) -> None:
    assert phrase in doubt(row)


@pytest.mark.parametrize(
    "row",
    [
        pair(FULL, CUT),
        pair(CUT, CUT.replace("tide", "sea")),
        pair(REFUSES, "I cannot provide that."),
        pair("I am sorry, I do not know that.", FULL),
        pair("As an AI, I can name three tides.", FULL),
        pair("I can't swim, but the tide is high.", FULL),
        pair("High water.\nIt follows the moon. So the answer is 2", FULL),
        pair("It is this. See:\n```\nreturn the next tide, of all\n", FULL),
        pair("Two tides. In order:\n- the one that comes early\n- the one that comes late", FULL),
        {"prompt": "Good night", "chosen": "Good night! Sleep well.", "rejected": "It depends."},
        pair("When is high water? I do not know that.", "At six.", system="Be brief."),
        pair("Yes", "No", chosen_rank=1, rejected_rank=2, chosen_score=9, rejected_score=3),
        {"chosen": "The sky is blue.", "rejected": "The sky is red."},
        {"prompt": "Pay", "chosen": "ment", "rejected": "roll"},
        {"prompt": "When?", "chosen": talk("When?", "At six."), "rejected": talk("When?", "No.")},
        {"prompt": "When?", "completion": CUT, "label": False},
        {"prompt": "When?", "completion": REFUSES, "label": True},
    ],
)
def test_no_doubt_where_both_sides_are_alike_or_the_rule_may_err(row: dict[str, Any]) -> None:
    assert doubt(row) == ""


def test_answers_in_doubt_are_told_and_dropped_where_asked(tmp_path: Path) -> None:
    rows = [pair(FULL, f"{n} {CUT}") for n in range(8)]
    rows += [pair(CUT, FULL), {**rows[0], "chosen": rows[0]["rejected"], "rejected": rows[0]["chosen"]}]
    name = write(tmp_path / "rows.jsonl", rows)
    told = prepare(asked(name))
    (step,) = told.steps
    assert (step.key, step.found, step.dropped, len(told.train)) == ("cleaning.doubtful", 3, 0, 10)
    assert [(one["row"], one.get("other")) for one in step.examples] == [(1, 10), (9, None), (10, 1)]
    assert "row 9" in told.notes[0] and 'cleaning.doubtful = "drop"' in told.notes[0]
    dropped = prepare(asked(name, cleaning={"doubtful": "drop"}))
    assert [item.number for item in dropped.train] == [2, 3, 4, 5, 6, 7, 8] and not dropped.notes
    assert prepare(asked(write(tmp_path / "clean.jsonl", rows[:8]))).steps == []


def test_an_answer_that_is_called_good_and_bad_is_in_doubt_both_times(tmp_path: Path) -> None:
    good = {"prompt": "When?", "completion": "At six.", "label": True}
    rows = [
        good,
        {**good, "completion": "Never."},
        {**good, "label": False},
        good,
        {**good, "prompt": "Now?", "label": 0},
    ]
    dropped = prepare(asked(write(tmp_path / "rows.jsonl", rows), cleaning={"doubtful": "drop"}))
    assert [item.number for item in dropped.train] == [2, 5]
    (step,) = dropped.steps
    assert [(one["row"], one["other"]) for one in step.examples] == [(1, 3), (3, 1), (4, 3)]


def test_the_report_names_rows_in_doubt_and_labels_that_are_all_alike(tmp_path: Path) -> None:
    answers = [{"prompt": f"{n}?", "completion": FULL, "label": True} for n in range(5)]
    found = inspect(write(tmp_path / "good.jsonl", [*answers, {**answers[0], "completion": CUT}]))
    advice = {one["id"]: (one["level"], one["message"]) for one in found.advice}
    assert "row 6" in advice["doubtful"][1] and "cleaning.doubtful" in advice["doubtful"][1]
    assert advice["one-label"][0] == "warning" and "good" in advice["one-label"][1]
    mixed = inspect(write(tmp_path / "mixed.jsonl", [*answers, {**answers[0], "label": False}]))
    assert {one["id"] for one in mixed.advice}.isdisjoint({"doubtful", "one-label"})
