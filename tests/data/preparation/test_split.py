"""The held-out rows: drawn by content, whatever the order of the rows, with rows that are alike on one side."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.preparation.sets import altered, asked, questions, row, sentence, step, write
from tuitune.data.preparation.assembled import Assembled, DataRefused, Item, no_progress
from tuitune.data.preparation.near_duplicates import shingles, similarity
from tuitune.data.preparation.prepare import prepare
from tuitune.data.preparation.split import split
from tuitune.recipe.sections.cleaning import USUAL_SIMILARITY

ROWS = [row(sentence(number)) for number in range(200)]


def made(path: Path, rows: list[dict[str, str]], share: float = 0.1, seed: int = 42) -> Assembled:
    return prepare(asked(write(path, rows), eval=share, seed=seed))


def test_the_share_asked_for_is_held_out_and_nothing_is_lost(tmp_path: Path) -> None:
    found = made(tmp_path / "rows.jsonl", ROWS)
    assert (len(found.train), len(found.held_out)) == (180, 20)
    assert sorted(questions(found.train) + questions(found.held_out)) == sorted(one["question"] for one in ROWS)
    assert [item.number for item in found.train] == sorted(item.number for item in found.train)


def test_the_order_of_the_rows_does_not_matter_but_the_seed_does(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    one, other = made(tmp_path / "one.jsonl", ROWS), made(tmp_path / "other.jsonl", shuffled)
    assert one.held_out_marks == other.held_out_marks
    assert sorted(questions(one.train)) == sorted(questions(other.train))
    assert made(tmp_path / "one.jsonl", ROWS, seed=43).held_out_marks != one.held_out_marks


def test_more_rows_change_few_of_those_held_out(tmp_path: Path) -> None:
    few, more = made(tmp_path / "few.jsonl", ROWS[:180]), made(tmp_path / "more.jsonl", ROWS)
    assert len(set(few.held_out_marks) - set(more.held_out_marks)) <= 4


def test_one_row_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"data\.eval: one row cannot be split"):
        made(tmp_path / "rows.jsonl", ROWS[:1])
    assert len(made(tmp_path / "rows.jsonl", ROWS[:2]).held_out) == 1


def test_rows_that_are_alike_are_held_out_together_or_not_at_all(tmp_path: Path) -> None:
    kin = [row(altered(one["question"], seed)) for one in ROWS[:40] for seed in (1, 2)]
    found = made(tmp_path / "rows.jsonl", [*ROWS, *kin], 0.2)
    train, held_out = ([shingles(text) for text in questions(side)] for side in (found.train, found.held_out))
    assert max(similarity(one, other) for one, other in product(train, held_out)) < USUAL_SIMILARITY
    assert 0.8 * 56 <= len(found.held_out) <= 56
    assert step(found, "leakage").found == 0


def test_equal_rows_are_never_on_both_sides(tmp_path: Path) -> None:
    found = made(tmp_path / "rows.jsonl", [*ROWS, *ROWS[:100]], 0.3)
    assert not {item.mark for item in found.train} & set(found.held_out_marks)
    assert len(found.train) + len(found.held_out) == 300


def test_where_all_rows_are_alike_some_are_held_out_all_the_same_and_it_is_said(tmp_path: Path) -> None:
    rows = [row("Say something nice about the sea, please, right now.", f"Answer {number}.") for number in range(50)]
    found = made(tmp_path / "rows.jsonl", rows)
    assert len(found.held_out) == 5
    assert any("all alike" in note for note in found.notes)
    assert step(found, "leakage").found == 45


def test_too_few_rows_apart_from_the_others_are_noted(tmp_path: Path) -> None:
    asked = "Say something nice about the sea, please, right now."
    rows = [*ROWS[:2], *[row(asked, f"Answer {number}.") for number in range(98)]]
    found = made(tmp_path / "rows.jsonl", rows, 0.2)
    assert sorted(questions(found.held_out)) == sorted(one["question"] for one in ROWS[:2])
    assert any(note.startswith("2 of 20 rows") for note in found.notes)


def test_a_former_split_is_made_again_by_its_marks_whatever_the_seed(tmp_path: Path) -> None:
    first = made(tmp_path / "rows.jsonl", ROWS)
    again = prepare(asked(first.train[0].source, eval=0.1, seed=7), held_out=first.held_out_marks)
    assert (again.train, again.held_out) == (first.train, first.held_out)


def test_a_former_split_of_data_that_has_grown_keeps_its_rows(tmp_path: Path) -> None:
    marks = made(tmp_path / "rows.jsonl", ROWS[:150]).held_out_marks
    again = prepare(asked(write(tmp_path / "rows.jsonl", ROWS[::-1]), eval=0.1), held_out=marks)
    assert again.held_out_marks == marks and len(again.train) == 185


def test_a_former_split_of_other_data_is_refused(tmp_path: Path) -> None:
    name = write(tmp_path / "rows.jsonl", ROWS)
    with pytest.raises(DataRefused, match="held out before"):
        prepare(asked(name, eval=0.1), held_out=["0" * 16])


def test_rows_held_out_from_a_file_have_no_marks_to_repeat(tmp_path: Path) -> None:
    train, held_out = write(tmp_path / "train.jsonl", ROWS[:20]), write(tmp_path / "held.jsonl", ROWS[20:30])
    found = prepare(asked(train, eval=held_out))
    assert (len(found.train), len(found.held_out), found.held_out_marks) == (20, 10, [])
    assert {item.source for item in found.held_out} == {held_out}


def test_the_seed_decides_though_near_duplicates_were_dropped_before(tmp_path: Path) -> None:
    name = write(tmp_path / "rows.jsonl", [*ROWS, *[row(altered(one["question"], 1)) for one in ROWS]])
    found = prepare(asked(name, eval=0.1, cleaning={"near_duplicates": 0.8}))
    assert (len(found.train), len(found.held_out)) == (180, 20)
    assert step(found, "leakage").found == 0


TEXTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=2, max_size=40)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, st.floats(0.01, 0.5), st.integers(0, 99), st.randoms(use_true_random=False))
def test_any_rows_are_split_the_same_in_any_order(
    drawn: list[tuple[int, int]], share: float, seed: int, order: random.Random
) -> None:
    texts = [altered(sentence(base, 24), kin, 1) if kin else sentence(base, 24) for base, kin in drawn]
    items = [
        Item("rows", number, None, None, f"{base:08}{kin:08}", {"prompt": text, "completion": "x"})
        for number, ((base, kin), text) in enumerate(zip(drawn, texts, strict=True))
    ]
    parts = split(items, share, seed, USUAL_SIMILARITY, no_progress)
    train, held_out = parts.train, parts.held_out
    assert (train and held_out) or len({item.mark for item in items}) == 1
    assert sorted(item.number for item in train + held_out) == list(range(len(items)))
    shuffled = list(items)
    order.shuffle(shuffled)
    assert {item.mark for item in split(shuffled, share, seed, USUAL_SIMILARITY, no_progress).held_out} == {
        item.mark for item in held_out
    }
    if not any("all alike" in note for note in parts.notes):
        pairs = product(train, held_out)
        sets = [[shingles(item.canonical["prompt"]) for item in pair] for pair in pairs]
        assert all(similarity(one, other) < USUAL_SIMILARITY for one, other in sets)
