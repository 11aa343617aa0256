"""What an answer loses by repeating itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.recipe.schema import Recipe
from tuitune.rewards import REWARDS, Attempt


def score(text: str) -> float:
    return REWARDS["repetition"].prepare(Recipe().rewards)(Attempt(text))


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("", 0),
        ("no, no", 0),
        ("The train to Oslo leaves at ten.", 0),
        ("a b c a b c", -1 / 4),
        ("A b, c! a B c.", -1 / 4),
        ("so it goes " * 100, 3 / 298 - 1),
        ("東京に行く東京に行く", -3 / 8),
    ],
)
def test_runs_that_were_written_before_cost_their_share(text: str, worth: float) -> None:
    assert score(text) == pytest.approx(worth)


@given(st.text(max_size=200))
def test_it_takes_away_and_at_most_one(text: str) -> None:
    assert -1 < score(text) <= 0
    assert score(f"{text} {text} {text}") <= score(text)
