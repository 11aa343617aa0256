"""Frames of a chart: what they look like, that every value is inked, and that nothing makes them fail."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitune.tui.charts.canvas import ASCII, Canvas
from tuitune.tui.charts.envelope import ChartWindow, Envelopes, envelope, trace
from tuitune.tui.charts.frame import ASCII_GLYPHS, AXIS, GHOST, MARK, SERIES, UNICODE_GLYPHS, FrameRow, Glyphs
from tuitune.tui.charts.marks import Mark
from tuitune.tui.charts.plot import Plot
from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.series import Positions, Series

VALUES = st.lists(st.one_of(st.none(), st.floats(), st.floats(-3, 3), st.just(0.0)), min_size=1, max_size=400)


def line(values: list[float | None], **settings: object) -> Series:
    positions = Positions()
    for step in range(len(values)):
        positions.append(step, step * 100, step * 0.5)
    return Series(positions, Pyramid(values), 1, **settings)  # type: ignore[arg-type]


def drawn(plot: Plot, window: ChartWindow, width: int, height: int) -> list[str]:
    rows = plot.frame(window, width, height, 0.0)
    assert rows is not None
    return [row.text.rstrip() for row in rows]


def dots(canvas: Canvas) -> set[tuple[int, int]]:
    """The inked ones, by column and row."""
    bits = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    return {
        (cell % canvas.width * 2 + x, cell // canvas.width * 4 + y)
        for cell, mask in enumerate(canvas.masks())
        for bit, (x, y) in enumerate(bits)
        if mask >> bit & 1
    }


def y_labels(plot: Plot, height: int, steps: int = 1) -> list[str]:
    """The labels of the y axis, from the top."""
    rows = drawn(plot, ChartWindow("step", 0, steps), 60, height)[:-1]
    return [row.split("┤")[0].strip() for row in rows if "┤" in row]


def test_a_rising_line() -> None:
    plot = Plot([line([float(value) for value in range(11)])])
    assert drawn(plot, ChartWindow("step", 0, 10), 34, 7) == [
        "  10┤                          ⢀⣀⡤",
        "    │                     ⣀⣠⠤⠖⠋⠉",
        "    │               ⢀⣀⠤⠴⠒⠉⠁",
        "    │          ⢀⣀⠤⠖⠊⠉",
        "    │    ⢀⣀⡤⠴⠒⠋⠉",
        "   0┤⣠⠤⠖⠚⠉",
        "     0             5            10",
    ]  # fmt: skip


@pytest.mark.parametrize("height", range(3, 40))
@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([4.07, 4.46], False), ([2e-4, 2e-4], False), ([0.0, 0.0], False), ([9.97, 10.01], False), ([0.0, 2e-4], False),
        ([2.1, 14.0], True), ([4.07, 4.46], True), ([2e-4, 2e-4], True), ([0.03, 80.0], True),
    ],
)  # fmt: skip
def test_the_y_axis_has_labels(values: list[float | None], log: bool, height: int) -> None:
    labels = y_labels(Plot([line(values)], log=log), height)
    assert len(set(labels)) == len(labels) >= 2
    assert len(labels) <= max(2, height * 3 // 4)


@settings(deadline=None)
@given(st.floats(-1e299, 1e299), st.floats(-1e299, 1e299), st.integers(3, 60))
def test_any_range_has_two_labels_or_more(one: float, other: float, height: int) -> None:
    assert len(set(y_labels(Plot([line([one, other])]), height))) >= 2


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(0, 1e-2), st.integers(3, 60))
def test_a_narrow_range_has_two_labels_or_more(value: float, share: float, height: int) -> None:
    assert len(set(y_labels(Plot([line([value, value * (1 + share)])]), height))) >= 2


@settings(deadline=None)
@given(st.floats(1e-290, 1e290), st.one_of(st.floats(1.0, 30.0), st.floats(1.0, 1e9)), st.integers(3, 60))
def test_any_range_on_a_log_scale_has_two_labels_or_more(value: float, times: float, height: int) -> None:
    assert len(set(y_labels(Plot([line([value, value * times])], log=True), height))) >= 2


def test_a_learning_rate_that_begins_at_zero_is_labelled_by_its_own_size_at_once() -> None:
    warming = line([0.0])
    plot = Plot([warming])
    assert y_labels(plot, 6, 100)
    warming.positions.append(1)
    warming.values.append(2e-4)
    assert y_labels(plot, 6, 100) == ["2e-4", "0"]


def test_a_spike_a_gap_and_ascii() -> None:
    values: list[float | None] = [1.0] * 30
    values[10] = 3.0
    values[18:22] = [None] * 4
    plot = Plot([line(values)], glyphs=ASCII_GLYPHS)
    rows = drawn(plot, ChartWindow("step", 0, 29), 40, 6)
    assert any("|" in row[15:20] for row in rows[:2]), rows
    assert all(row.isascii() for row in rows)
    column = 5 + round(20 / 29 * 34)
    assert all(row[column : column + 1].strip() == "" for row in rows[:-1]), rows


def test_the_newest_line_covers_what_lies_behind_it() -> None:
    raw, smooth = line([1.0, 2.0, 1.0, 2.0], ghost=True), line([1.0, 2.0, 1.0, 2.0])
    rows = Plot([raw, smooth]).frame(ChartWindow("step", 0, 3), 30, 8, 0.0)
    assert rows is not None
    inks = {ink for row in rows for _, ink in row.runs()}
    assert SERIES + 1 in inks
    assert GHOST + 1 not in inks


def test_letters_points_best_and_marks() -> None:
    train = line([3.0, 2.0, 1.5, 1.2, 1.0], name="train", letter="a")
    evaluated = line([3.1, 2.1, 1.4, 1.6, 1.7], name="eval", letter="b", points=True, best=2)
    rows = Plot([train, evaluated], marks=[Mark(3.0, MARK)]).frame(ChartWindow("step", 0, 4), 50, 12, 0.0)
    assert rows is not None
    text = "\n".join(row.text for row in rows)
    assert text.count("◆") == 4
    assert text.count("★") == 1
    letters = [
        (row.text.rstrip()[-1], number) for number, row in enumerate(rows) if row.text.rstrip()[-1:] in ("a", "b")
    ]
    assert [letter for letter, _ in letters] == ["b", "a"]
    assert any(ink == MARK for row in rows for _, ink in row.runs())


@pytest.mark.parametrize("glyphs", [UNICODE_GLYPHS, ASCII_GLYPHS])
@pytest.mark.parametrize("count", [6, 30, 400])
def test_evaluations_stand_out_from_a_line_that_runs_over_them(glyphs: Glyphs, count: int) -> None:
    values = [2.0 - step / count for step in range(count)]
    evaluated = line(list(values), name="eval", letter="b", points=True, best=count - 1)
    plot = Plot([evaluated, line(list(values), name="train", letter="a")], glyphs=glyphs)
    text = "".join(drawn(plot, ChartWindow("step", 0, count - 1), 80, 8)[:-1])
    markers = sum(text.count(glyph) for glyph in (glyphs.point, glyphs.best))
    assert min(count, 15) <= markers <= 25


def test_lines_bear_their_names_where_there_is_room() -> None:
    one, other = line([1.0, 3.0], name="train", letter="a"), line([1.0, 2.0], name="eval", letter="b")
    wide, narrow = (drawn(Plot([one, other]), ChartWindow("step", 0, 1), width, 8) for width in (80, 40))
    assert [row.rstrip()[-7:] for row in wide if row.rstrip().endswith(("train", "eval"))] == ["a train", " b eval"]
    assert [row.rstrip()[-2:] for row in narrow if row.rstrip()[-1:] in ("a", "b")] == [" a", " b"]
    assert max(map(len, wide)) <= 80


def test_letters_at_the_same_height_stand_one_below_the_other() -> None:
    one, other = line([1.0, 1.0], letter="a"), line([1.0, 1.0], letter="b")
    rows = drawn(Plot([one, other]), ChartWindow("step", 0, 1), 30, 6)
    assert sorted(row[-1] for row in rows if row[-1:] in ("a", "b")) == ["a", "b"]


def test_a_log_scale_leaves_out_what_is_not_positive_and_waits_for_something_positive() -> None:
    plot = Plot([line([0.0, -1.0, 0.001, 0.1, 10.0])], log=True)
    text = "\n".join(drawn(plot, ChartWindow("step", 0, 4), 40, 12))
    assert "1e-3" in text and "0.1" in text and "10" in text
    assert "-1" in "\n".join(drawn(Plot([line([0.0, -1.0])], log=True), ChartWindow("step", 0, 1), 40, 12))


def test_nothing_in_view_is_no_frame() -> None:
    window = ChartWindow("step", 0, 1)
    assert Plot([]).frame(window, 40, 10, 0.0) is None
    assert Plot([line([None, math.nan])]).frame(window, 40, 10, 0.0) is None
    assert Plot([line([1.0])]).frame(window, 5, 10, 0.0) is None


def test_a_line_enters_and_leaves_a_zoomed_window() -> None:
    plot = Plot([line([0.0, 0.0, 10.0, 10.0])])
    rows = drawn(plot, ChartWindow("step", 1.2, 1.8), 40, 4)
    assert all(any("⠀" < cell <= "⣿" for cell in row) for row in rows[:-1])
    rows = Plot([line([float(step) for step in range(100)])]).frame(ChartWindow("step", 20, 29.5), 40, 10, 0.0)
    assert rows is not None
    inked = [any(char >= "⠀" for char in column) for column in zip(*(row.text[5:] for row in rows[:-1]), strict=True)]
    assert all(inked[:-1])


@settings(max_examples=40, deadline=None)
@given(VALUES, st.integers(12, 90), st.integers(2, 24), st.booleans(), st.booleans(), st.data())
def test_any_values_make_whole_frames(
    values: list[float | None], width: int, height: int, log: bool, points: bool, data: st.DataObject
) -> None:
    low = data.draw(st.floats(-10, 400))
    window = ChartWindow(
        data.draw(st.sampled_from(["step", "tokens", "time"])), low, low + data.draw(st.floats(0.5, 500))
    )
    lines = [line(values, ghost=True), line(values, letter="a"), line(values[:5], letter="b", points=points, best=0)]
    rows = Plot(lines, marks=[Mark(3.0, MARK)], log=log).frame(window, width, height, 0.0)
    if rows is not None:
        assert len(rows) == height
        assert all(len(row.text) == len(row.inks) == width for row in rows)
        assert all("".join(text for text, _ in row.runs()) == row.text for row in rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=1, max_size=900), st.integers(2, 60))
def test_every_value_is_inked_in_its_column(values: list[float], width: int) -> None:
    curve, window = line([*values]), ChartWindow("step", 0, max(len(values) - 1, 1))
    canvas = Canvas(width, 10)
    trace(canvas, envelope(curve, window, canvas.dots_wide, positive=False), -5.0, 5.0)
    edges, inked = window.edges(canvas.dots_wide), dots(canvas)
    for step, value in enumerate(values):
        row = int((5.0 - value) * (canvas.dots_high - 1) / 10.0 + 0.5)
        near = [
            column for column in range(canvas.dots_wide) if edges[column] - 1e-9 <= step <= edges[column + 1] + 1e-9
        ]
        assert any((column, row) in inked for column in near), (step, value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-4, 4)), min_size=2, max_size=300), st.data())
def test_a_frame_that_grew_is_the_frame_drawn_at_once(values: list[float | None], data: st.DataObject) -> None:
    window, wide = ChartWindow("step", 0, len(values) * 1.1), data.draw(st.integers(4, 200))
    positive = data.draw(st.booleans())
    cut = data.draw(st.integers(1, len(values)))
    growing, whole = line(values[:cut]), line(values)
    known = Envelopes()
    known.of(growing, window, wide, positive=positive)
    for step, value in enumerate(values[cut:], start=cut):
        growing.positions.append(step, step * 100, step * 0.5)
        growing.values.append(value)
    assert repr(known.of(growing, window, wide, positive=positive)) == repr(
        envelope(whole, window, wide, positive=positive)
    )


def test_rows_say_which_columns_changed() -> None:
    before = FrameRow("  12", bytes([AXIS] * 4))
    assert before.changed(before) is None
    assert FrameRow(" x12", bytes([AXIS] * 4)).changed(before) == (1, 2)
    assert FrameRow("  12", bytes([AXIS, MARK, AXIS, MARK])).changed(before) == (1, 4)


@given(st.integers(-10, 50), st.integers(-10, 50), st.integers(-3, 12))
def test_a_span_inks_its_dots_and_no_other(top: int, bottom: int, x: int) -> None:
    canvas = Canvas(4, 9)
    canvas.span(x, top, bottom)
    rows = range(min(top, bottom), max(top, bottom) + 1)
    wanted = {(x, row) for row in rows if 0 <= x < canvas.dots_wide and 0 <= row < canvas.dots_high}
    assert dots(canvas) == wanted


def test_ascii_cells_look_like_the_dots() -> None:
    assert ASCII[0] == " "
    assert (ASCII[0x01], ASCII[0x02], ASCII[0x40], ASCII[0x47]) == ("'", "-", ".", "|")
