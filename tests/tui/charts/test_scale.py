"""Ranges that hold still, and round ticks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.tui.charts.axis import place, time_label, value_label, value_ticks, x_ticks
from tuitune.tui.charts.scale import StickyRange, padded

FINITE = st.floats(-1e299, 1e299)


def test_a_range_grows_at_once_and_then_holds() -> None:
    sticky = StickyRange()
    low, high = sticky.fit(1.0, 2.0, now=0)
    assert sticky.fit(1.01, high, now=1) == (low, high)
    grown = sticky.fit(1.0, 5.0, now=1)
    assert grown[0] == low
    assert grown[1] > 5.0


def test_a_range_shrinks_only_by_more_than_a_fifth_and_after_ten_seconds() -> None:
    sticky = StickyRange()
    wide = sticky.fit(0.0, 10.0, now=0)
    assert sticky.fit(0.0, 9.5, now=100) == wide
    assert sticky.fit(0.0, 1.0, now=9) == wide
    shrunk = sticky.fit(0.0, 1.0, now=10)
    assert shrunk == padded(0.0, 1.0, floor_at_zero=True)


@pytest.mark.parametrize("then", [0.0, 2e-4])
def test_the_range_of_a_flat_series_shrinks_as_soon_as_it_shows_a_scale(then: float) -> None:
    sticky = StickyRange()
    assert sticky.fit(0.0, 0.0, now=0) == (0.0, 0.1)
    assert sticky.fit(then, 2e-4, now=0.1)[1] < 3e-4


def test_a_range_found_after_a_guess_holds() -> None:
    sticky = StickyRange()
    sticky.fit(0.0, 0.0, now=0)
    low, high = sticky.fit(0.0, 2e-4, now=0.1)
    assert 0.0 == low < 2e-4 < high < 3e-4
    assert sticky.fit(0.0, 1e-4, now=0.2) == (low, high)


@pytest.mark.parametrize(("low", "high"), [(2e-4, 2e-4), (2e-4, 2.00001e-4), (-7.0, -7.0), (1e20, 1e20)])
def test_a_flat_series_is_drawn_around_its_own_value(low: float, high: float) -> None:
    bottom, top = padded(low, high, floor_at_zero=True)
    assert bottom < low <= high < top
    assert top - bottom < abs(low)


def test_a_flat_series_on_a_log_scale_gets_a_part_of_a_decade_whatever_its_size() -> None:
    for power in (-250.0, -8.0, 0.0, 250.0):
        low, high = padded(power, power, floor_at_zero=False, log=True)
        assert low < power < high
        assert high - low < 0.2


def test_padding_gives_a_flat_series_room_and_stays_above_zero() -> None:
    assert padded(0.0, 0.0, floor_at_zero=True) == (0.0, 0.1)
    low, high = padded(3.0, 3.0, floor_at_zero=True)
    assert low < 3.0 < high
    assert padded(0.0, 5e-324, floor_at_zero=True) == (0.0, 0.1)
    assert padded(0.01, 1.0, floor_at_zero=True)[0] == 0.0
    assert padded(-1.0, 1.0, floor_at_zero=True)[0] < -1.0


@given(FINITE, FINITE)
def test_any_range_has_a_width_and_some_ticks_inside(one: float, other: float) -> None:
    low, high = padded(min(one, other), max(one, other), floor_at_zero=True)
    assert math.isfinite(high - low)
    assert low < high
    for position, label in value_ticks(low, high, 20, log=False):
        assert low - abs(low) * 1e-6 <= position <= high + abs(high) * 1e-6
        assert label


@given(st.floats(-290, 290), st.floats(1e-6, 300))
def test_log_ticks_are_powers_within_the_range(low: float, span: float) -> None:
    high = min(low + span, 299)
    for position, label in value_ticks(low, high, 20, log=True):
        assert low - 1e-6 <= position <= high + 1e-6
        assert label


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0, 1, "0"), (0.5, 0.5, "0.5"), (1.0, 0.5, "1.0"), (12.5, 0.5, "12.5"), (2e-4, 1e-4, "2e-4"),
        (1.5e-4, 5e-5, "1.5e-4"), (5e20, 1e20, "5e20"),
        (1000, 100, "1k"), (12_500, 500, "12.5k"), (3e6, 1e6, "3M"), (-2, 1, "-2"), (2e9, 1e9, "2B"),
    ],
)  # fmt: skip
def test_labels_are_short(value: float, step: float, text: str) -> None:
    assert value_label(value, step) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (45, "45s"), (300, "5m"), (90, "1m30s"), (5400, "1h30m"), (259_200, "3d")]
)
def test_times_are_written_in_their_units(seconds: float, text: str) -> None:
    assert time_label(seconds) == text


def test_x_ticks_by_step_are_whole_steps_and_by_time_round_times() -> None:
    assert [label for _, label in x_ticks(0, 3, 60, "step")] == ["0", "1", "2", "3"]
    assert [label for _, label in x_ticks(0, 3600, 60, "time")] == ["0", "15m", "30m", "45m", "1h"]
    assert [label for _, label in x_ticks(0, 4_000_000, 50, "tokens")] == ["0", "1M", "2M", "3M", "4M"]


def test_labels_that_would_touch_are_left_out() -> None:
    assert place([(0, "100"), (3, "200"), (8, "300")], 12) == "100    300  "
    assert place([(11, "1000")], 12) == "        1000"
    assert place([(2, "far too long")], 5) == "     "
