"""Marks on a chart: where letters and words stand, what they leave alone, and that they are readable without colour."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.charts.test_frame import line
from tuitune.tui.charts.envelope import ChartWindow
from tuitune.tui.charts.frame import ALARM, ASCII_GLYPHS, EVENT, MARK, SERIES, UNICODE_GLYPHS, FrameRow, Glyphs
from tuitune.tui.charts.marks import Mark
from tuitune.tui.charts.plot import Plot

FALLING = [3.0 - step / 10 for step in range(31)]
TUNE = Mark(10.0, EVENT, "T", "tune")


def frame(marks: list[Mark], glyphs: Glyphs = UNICODE_GLYPHS, width: int = 70, height: int = 14) -> list[FrameRow]:
    rows = Plot([line(FALLING)], marks=marks, glyphs=glyphs).frame(ChartWindow("step", 0, 30), width, height, 0.0)
    assert rows is not None
    return rows


def text(rows: list[FrameRow]) -> str:
    return "\n".join(row.text for row in rows)


def column_of(rows: list[FrameRow], letter: str) -> int:
    return next(row.text.index(letter) for row in rows if letter in row.text)


def test_an_event_is_headed_by_its_word_and_goes_down_the_chart_but_for_the_line() -> None:
    rows = frame([TUNE])
    column = column_of(rows, "tune")
    assert rows[0].text[column : column + 4] == "tune"
    below = [row.text[column] for row in rows[1:-1]]
    assert below.count("╎") >= len(below) - 2
    assert any("⠀" < cell <= "⣿" for cell in below)
    inks = [row.inks[column] for row in rows[:-1]]
    assert set(inks) == {EVENT, SERIES + 1}


def test_marks_by_hand_look_different() -> None:
    rows = frame([Mark(20.0, MARK), TUNE])
    assert "┊" in text(rows) and "╎" in text(rows)
    rows = frame([Mark(20.0, MARK), TUNE], ASCII_GLYPHS)
    assert text(rows).isascii()
    assert ":" in text(rows) and ";" in text(rows) and "tune" in text(rows)


def test_a_word_that_has_no_room_is_a_letter() -> None:
    assert "tune" not in text(frame([Mark(29.8, EVENT, "T", "tune")]))
    assert "T" in text(frame([Mark(29.8, EVENT, "T", "tune")]))


def test_a_word_stands_above_the_lines_and_below_one_it_is_a_letter() -> None:
    falling = text(frame([Mark(0, EVENT, "P", "pause"), Mark(20, EVENT, "r", "resume")], height=6))
    assert "pause" not in falling and "P" in falling
    assert "resume" in falling


def test_heads_in_one_place_stand_below_each_other_and_never_run_together() -> None:
    rows = frame([Mark(10, EVENT, "P", "pause"), Mark(10, EVENT, "r", "resume"), Mark(12, ALARM, "!", "alert")])
    shown = text(rows)
    assert all(word in shown for word in ("pause", "resume", "alert"))
    assert "pausealert" not in shown and "resumealert" not in shown
    assert text(frame([TUNE, TUNE, TUNE])).count("tune") == 1


def test_a_minor_mark_is_a_letter_at_the_foot() -> None:
    rows = frame([Mark(5.0, EVENT, "C", "", minor=True)])
    assert "C" in rows[-2].text
    assert "╎" not in text(rows)
    crowd = [Mark(5.0 + number / 10, EVENT, "C", "", minor=True) for number in range(5)]
    assert text(frame(crowd)).count("C") < 5


def test_a_mark_out_of_view_is_not_drawn() -> None:
    assert text(frame([Mark(31.0, EVENT, "T", "tune"), Mark(-1.0, MARK)])) == text(frame([]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 35), st.sampled_from("TCEGPr!"), st.sampled_from(["", "a word"]), st.booleans())),
    st.integers(12, 80),
    st.integers(2, 20),
)
def test_any_marks_leave_whole_rows_and_every_inked_cell(
    marks: list[tuple[float, str, str, bool]], width: int, height: int
) -> None:
    placed = [Mark(x, EVENT, letter, word, minor) for x, letter, word, minor in marks]
    rows, plain = frame(placed, width=width, height=height), frame([], width=width, height=height)
    assert len(rows) == height
    for row, before in zip(rows, plain, strict=True):
        assert len(row.text) == len(row.inks) == width
        for shown, was, ink in zip(row.text, before.text, before.inks, strict=True):
            assert shown == was or ink < SERIES
