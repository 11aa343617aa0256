"""Paths too long for their place: the file name is what stays in sight."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tuitune.recipe.settings import setting, settings
from tuitune.tui.widgets.columns import Column, keep_end, line
from tuitune.tui.widgets.field_row import LABEL_WIDTH, FieldView, field_row

_LONG = "/srv/a-long-name-for-a-directory/another-long-one-below-it/and-one-more-of-them/rows.jsonl"


@pytest.mark.parametrize("room", [1, 2, 7, 40, 200])
@pytest.mark.parametrize("text", ["", "rows.jsonl", _LONG, "数据/" * 30 + "行.jsonl"])
def test_what_is_kept_is_the_end_and_fits(text: str, room: int) -> None:
    kept = keep_end(text, room)
    assert cell_len(kept) <= room
    assert kept == text if cell_len(text) <= room else text.endswith(kept.removeprefix("…"))


@pytest.mark.parametrize("key", ["model.id", "data.train", "data.eval", "data.template"])
def test_the_form_shows_the_file_name(key: str) -> None:
    assert "rows.jsonl" in field_row(FieldView(setting(key), _LONG)).draw(60)[0].plain


def test_a_table_shows_the_file_name_and_cuts_other_text_at_its_end() -> None:
    columns = (Column("data", 0, path=True), Column("what", 10))
    shown = line(columns, [_LONG, "folder of many things"], 60).plain
    assert "rows.jsonl" in shown
    assert "folder" in shown


def test_no_label_runs_into_its_value() -> None:
    assert all(len(one.title) < LABEL_WIDTH for one in settings())
