"""Rows with images are recognised, their files looked for, and text models told to keep away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.shapes.turns import ANSWER, IMAGE
from tuitune.rows.fields import RowProblem
from tuitune.shapes.vision import check_files, media_column

PART = {"role": "user", "content": [{"type": "image", "path": "there.png"}, {"type": "text", "text": "What is it?"}]}


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"image": "x.png"}, "image"),
        ({"images": [{"bytes": b"\x89PNG"}]}, "images"),
        ({"videos": ["x.mp4"]}, "videos"),
        ({"messages": [PART, ANSWER]}, "messages"),
        ({"conversations": [IMAGE, ANSWER]}, "conversations"),
        ({"messages": [ANSWER], "image": None}, None),
        ({"image": 7, "text": "a"}, None),
        ({"messages": [{"role": "user", "content": [{"type": 3}, 7]}], "images": []}, None),
        ({"messages": "text"}, None),
    ],
)
def test_media_are_found_in_columns_and_messages(row: dict[str, Any], column: str | None) -> None:
    assert media_column(row) == column


@pytest.mark.parametrize(
    "row",
    [
        {"image": "there.png"},
        {"image": {"path": "there.png"}},
        {"images": ["there.png", "https://example.org/x.png"]},
        {"image": {"bytes": b"\x89PNG", "path": "gone.png"}},
        {"image": "data:image/png;base64,AAAA"},
        {"messages": [PART, ANSWER]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]},
        {"text": "a"},
    ],
)
def test_files_that_are_there_or_elsewhere_are_fine(row: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"\x89PNG")
    check_files(row, tmp_path)


@pytest.mark.parametrize(
    ("row", "field", "name"),
    [
        ({"image": "gone.png"}, "image", "gone.png"),
        ({"image": "file:///nowhere/gone.png"}, "image", "/nowhere/gone.png"),
        ({"images": ["there.png", "gone\x1b[2J.png"]}, "images[1]", "gone␛[2J.png"),
        ({"image": "."}, "image", "."),
        ({"image": "a\0b"}, "image", "a␀b"),
        ({"image": "x" * 5000}, "image", "xxx"),
        ({"messages": [IMAGE, ANSWER]}, "messages[0].content[0]", "x.png"),
    ],
)
def test_files_that_are_not_there_are_named(row: dict[str, Any], field: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"\x89PNG")
    with pytest.raises(RowProblem) as refused:
        check_files(row, tmp_path)
    assert (refused.value.field, refused.value.kind) == (field, "vision")
    assert refused.value.message.startswith("there is no file") and name in refused.value.message
    assert "\x1b" not in refused.value.message
