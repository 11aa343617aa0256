"""The pyramid and the curves grown on it: exact extremes of any range, gaps, smoothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.series import SmoothedSeries

ANY = st.one_of(st.none(), st.floats(), st.floats(-5, 5), st.integers(-3, 3).map(float))


def extremes(values: list[float | None], *, positive: bool) -> tuple[float, float] | None:
    counted = [
        value for value in values if value is not None and -1e300 < value < 1e300 and (value > 0 or not positive)
    ]
    return (min(counted), max(counted)) if counted else None


@given(st.lists(ANY, max_size=600), st.data())
def test_bounds_of_any_range_are_those_of_its_values(values: list[float | None], data: st.DataObject) -> None:
    pyramid = Pyramid(values)
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    for positive in (False, True):
        assert pyramid.bounds(start, stop, positive=positive) == extremes(values[start:stop], positive=positive)


def test_bounds_far_up_the_levels() -> None:
    values = [float((index * 7919) % 10_007) for index in range(20_000)]
    values[12_345] = -1.0
    pyramid = Pyramid(values)
    for start, stop in ((0, 20_000), (1, 19_999), (12_345, 12_346), (12_346, 20_000), (257, 12_345), (4095, 4097)):
        assert pyramid.bounds(start, stop) == (min(values[start:stop]), max(values[start:stop]))


def test_a_single_spike_in_a_hundred_thousand_is_never_lost() -> None:
    pyramid = Pyramid(0.5 for _ in range(50_000))
    pyramid.append(9.0)
    pyramid.extend(0.5 for _ in range(49_999))
    assert pyramid.bounds() == (0.5, 9.0)
    assert pyramid.bounds(0, 50_000) == (0.5, 0.5)


def test_what_is_not_finite_is_a_gap() -> None:
    pyramid = Pyramid([1.0, None, math.nan, math.inf, -math.inf, 1e301, 2.0])
    assert pyramid.gaps == 5
    assert pyramid.bounds() == (1.0, 2.0)
    assert pyramid.bounds(1, 6) is None
    assert Pyramid().bounds() is None


def test_smoothing_is_not_drawn_towards_zero_at_its_start() -> None:
    smooth = SmoothedSeries(Pyramid([2.0, 2.0, 2.0]), 0.9)
    assert smooth.catch_up()
    assert list(smooth.series.values) == pytest.approx([2.0, 2.0, 2.0])


def test_smoothing_follows_its_formula_and_passes_over_gaps() -> None:
    source = Pyramid([1.0, math.nan, 3.0])
    smooth = SmoothedSeries(source, 0.5)
    smooth.catch_up()
    first, gap, second = smooth.series.values
    assert first == 1.0
    assert math.isnan(gap)
    assert second == pytest.approx((0.5 * (0.5 * 1.0) + 0.5 * 3.0) / (1 - 0.25))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.floats(0, 0.999))
def test_a_smoothed_curve_stays_within_its_source(values: list[float], weight: float) -> None:
    source = Pyramid(values)
    smooth = SmoothedSeries(source, weight)
    while not smooth.catch_up(limit=7):
        continue
    slack = 1e-9 * max(1.0, max(map(abs, values)))
    assert len(smooth.series) == len(source)
    assert all(min(values) - slack <= value <= max(values) + slack for value in smooth.series.values)
