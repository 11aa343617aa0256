"""The window on x: fit, zoom, pan, follow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuitune.tui.charts.viewport import Viewport


def test_a_finished_run_is_shown_exactly_and_a_live_one_with_room_ahead() -> None:
    viewport = Viewport()
    assert viewport.window(0, 260, final=True) == (0, 260)
    low, high = viewport.window(0, 260)
    assert low == 0
    assert 260 < high <= 300
    assert viewport.window(0, 261) == (low, high)


def test_a_run_is_shown_up_to_its_end_when_it_is_near_or_the_run_short() -> None:
    viewport = Viewport()
    assert viewport.window(0, 350, end=400) == (0, 400)
    assert viewport.window(0, 100, end=400)[1] < 200
    assert viewport.window(0, 3, end=60) == (0, 60)


def test_zoom_at_the_right_edge_keeps_following() -> None:
    viewport = Viewport()
    viewport.zoom(0.5, viewport.window(0, 1000, final=True), 0, 1000)
    assert viewport.following
    assert viewport.window(0, 1000, final=True) == (500, 1000)
    assert viewport.window(0, 1200, final=True) == (700, 1200)


def test_zoom_elsewhere_keeps_the_centre_and_stops_at_five_steps() -> None:
    viewport = Viewport()
    viewport.zoom(0.25, (0, 1000), 0, 1000)
    viewport.pan(-1, (750, 1000), 0, 1000)
    window = viewport.window(0, 1000)
    assert window == (500, 750)
    viewport.zoom(0.5, window, 0, 1000)
    low, high = viewport.window(0, 1000)
    assert (low + high) / 2 == 625
    for _ in range(20):
        viewport.zoom(0.5, viewport.window(0, 1000), 0, 1000)
    low, high = viewport.window(0, 1000)
    assert high - low == Viewport.MIN_STEPS
    assert not viewport.following


def test_zoom_out_ends_at_the_whole_run() -> None:
    viewport = Viewport()
    viewport.zoom(0.5, (0, 1000), 0, 1000)
    viewport.zoom(4, viewport.window(0, 1000, final=True), 0, 1000)
    assert viewport.whole


def test_pan_stays_within_the_run_and_follows_again_at_its_end() -> None:
    viewport = Viewport()
    viewport.pan(-1, (0, 1000), 0, 1000)
    assert viewport.whole
    viewport.zoom(0.1, (0, 1000), 0, 1000)
    for _ in range(50):
        viewport.pan(-0.5, viewport.window(0, 1000, final=True), 0, 1000)
    assert viewport.window(0, 1000) == (0, 100)
    for _ in range(50):
        viewport.pan(0.5, viewport.window(0, 1000, final=True), 0, 1000)
    assert viewport.following


def test_a_followed_window_moves_in_jumps() -> None:
    viewport = Viewport()
    viewport.zoom(0.1, viewport.window(0, 1000), 0, 1000)
    windows = {viewport.window(0, newest) for newest in range(1000, 1040)}
    assert len(windows) < 8
    assert all(low <= newest <= high for newest in (1039,) for low, high in [viewport.window(0, 1039)])


@given(
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    st.lists(st.sampled_from(["in", "out", "left", "right", "fit", "follow"]), max_size=30),
)
def test_any_keys_give_a_window_that_has_a_width(first: float, more: float, keys: list[str]) -> None:
    viewport, newest = Viewport(), first + more
    for key in keys:
        window = viewport.window(first, newest)
        match key:
            case "in" | "out":
                viewport.zoom(0.5 if key == "in" else 2.0, window, first, newest)
            case "left" | "right":
                viewport.pan(-0.25 if key == "left" else 0.25, window, first, newest)
            case "fit":
                viewport.fit()
            case _:
                viewport.follow()
    low, high = viewport.window(first, newest)
    assert low < high
