"""Near-duplicates: what is found is what comparing every text with every other would find."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.preparation.sets import altered, sentence
from tuitune.data.preparation.near_duplicates import common_groups, near_duplicates, resembling, shingles, similarity


def by_hand(texts: list[str], threshold: float) -> list[int]:
    """Every text compared with all before it that were kept."""
    kept: list[frozenset[str]] = []
    found = []
    for number, text in enumerate(texts):
        groups = shingles(text)
        if any(similarity(groups, other) >= threshold for other in kept):
            found.append(number)
        else:
            kept.append(groups)
    return found


def families(seed: int, count: int) -> list[str]:
    """Texts of 10 to 60 words, of each a few with one to twenty words replaced."""
    chosen, texts = random.Random(seed), []
    for number in range(count):
        text = sentence(seed * 1000 + number, chosen.randint(10, 60))
        texts += [text, *(altered(text, kin, chosen.randint(1, len(text.split()) // 3)) for kin in range(1, 4))]
    return chosen.sample(texts, len(texts))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_the_threshold_is_exact_and_next_to_nothing_is_missed(threshold: float) -> None:
    texts = families(7, 150)
    found = {number: alike for number, _, alike in near_duplicates(texts, threshold)}
    expected = by_hand(texts, threshold)
    assert min(found.values(), default=1.0) >= threshold
    assert len(set(found) ^ set(expected)) <= 0.02 * len(expected)


def test_each_is_named_with_the_text_it_resembles_and_how_much() -> None:
    texts = families(3, 60)
    pairs = list(near_duplicates(texts, 0.8))
    dropped = {number for number, _, _ in pairs}
    assert pairs and [number for number, _, _ in pairs] == sorted(dropped)
    for number, earlier, alike in pairs:
        assert earlier < number and earlier not in dropped
        assert alike == pytest.approx(similarity(shingles(texts[number]), shingles(texts[earlier])))


def test_the_same_texts_give_the_same_pairs() -> None:
    texts = families(5, 60)
    assert list(near_duplicates(texts, 0.7)) == list(near_duplicates(list(texts), 0.7))


def test_case_and_punctuation_do_not_count_and_short_texts_go_by_letters() -> None:
    texts = [
        "What is the capital of France today",
        "what is THE capital, of France... today?!",
        "Hello!",
        "Hello!!",
        "Help",
    ]
    assert [(number, earlier) for number, earlier, _ in near_duplicates(texts, 0.75)] == [(1, 0), (3, 2)]


def test_scripts_without_spaces_are_compared_by_their_characters() -> None:
    asked = "法国的首都是哪座城市请告诉我答案"
    assert [
        number for number, _, _ in near_duplicates([asked, asked[:-1] + "吗", "请写一首关于大海的短诗送给朋友"], 0.7)
    ] == [1]


def test_words_of_a_template_do_not_make_rows_alike() -> None:
    template = "Below is an instruction that describes a task. Write a response that completes it. Message: "
    texts = [template + sentence(number, 12) for number in range(300)]
    assert common_groups(texts) and not list(near_duplicates(texts, 0.6))
    again = [*texts, template + altered(sentence(0, 12), 1)]
    assert [(number, earlier) for number, earlier, _ in near_duplicates(again, 0.5)] == [(300, 0)]


def test_one_text_over_and_over_is_found_however_often_it_is_there() -> None:
    asked = sentence(1)
    texts = [f"{asked} {number}" for number in range(200)] + [sentence(number) for number in range(2, 600)]
    assert len(list(near_duplicates(texts, 0.8))) == 199


def test_rows_like_kept_ones_are_found() -> None:
    kept = [sentence(number) for number in range(50)]
    texts = [altered(kept[3], 1), sentence(900), kept[7], altered(kept[9], 1, 12)]
    assert [(number, other) for number, other, _ in resembling(texts, kept, 0.8)] == [(0, 3), (2, 7)]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=60), max_size=25), st.floats(0.5, 1))
def test_any_texts_are_compared(texts: list[str], threshold: float) -> None:
    for number, earlier, alike in near_duplicates(texts, threshold):
        assert similarity(shingles(texts[number]), shingles(texts[earlier])) == pytest.approx(alike)
        assert alike >= threshold
