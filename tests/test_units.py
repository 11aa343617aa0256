"""Figures for people."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.units import age_text, bytes_text, clock_text, count_text, duration_text, number_text, percent_text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (bytes_text, 0, "0 B"),
        (bytes_text, 999, "999 B"),
        (bytes_text, 8_360_000, "8.4 MB"),
        (bytes_text, 139.8e9, "140 GB"),
        (bytes_text, 2.5e12, "2.5 TB"),
        (bytes_text, None, "n/a"),
        (count_text, 950, "950"),
        (count_text, 12_300, "12.3 k"),
        (count_text, 41_943_040, "41.9 M"),
        (count_text, 8_030_261_248, "8.03 B"),
        (count_text, 2e12, "2000 B"),
        (count_text, None, "n/a"),
        (duration_text, 0.42, "0.4 s"),
        (duration_text, 59.6, "1 m 00 s"),
        (duration_text, 185, "3 m 05 s"),
        (duration_text, 7800, "2 h 10 m"),
        (duration_text, 300_000, "3 d 11 h"),
        (duration_text, float("inf"), "–"),
        (number_text, 0.42131, "0.4213"),
        (number_text, 12.345, "12.35"),
        (number_text, 2e-4, "2.00e-4"),
        (number_text, 1e6, "1.00e6"),
        (number_text, 0, "0"),
        (number_text, float("nan"), "–"),
        (percent_text, 1, "100 %"),
        (percent_text, 0.998, "99.8 %"),
        (percent_text, 0.99999, "99.9 %"),
        (percent_text, 0.174, "17 %"),
        (percent_text, 0.02, "2 %"),
        (percent_text, 0, "0 %"),
        (percent_text, 0.0052, "0.52 %"),
        (percent_text, None, "n/a"),
    ],
)
def test_figures(function, value: float | None, text: str) -> None:
    assert function(value) == text


@given(st.floats(min_value=1e-300, max_value=1e15))
def test_every_figure_is_short(value: float) -> None:
    assert len(bytes_text(value)) <= 10
    assert len(duration_text(value)) <= 20
    assert len(number_text(value)) <= 9


def test_ages_and_times_of_day() -> None:
    now = time.time()
    assert [age_text(now - seconds, now) for seconds in (3, 300, 7200, 200_000)] == ["now", "5 m", "2 h", "2 d"]
    assert len(clock_text(now)) == 5
    assert len(clock_text(now - 10 * 86_400)) > 5
    assert clock_text(None) == "–"
