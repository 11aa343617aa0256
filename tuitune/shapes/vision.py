"""Rows with images: recognised, their files looked for, and not for training a text model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuitune.rows.column_names import CONVERSATIONS
from tuitune.rows.fields import MEDIA_PARTS, RowProblem
from tuitune.shapes.shape import Found, Roles, Shape, Sight, WayOut
from tuitune.text import clean

_COLUMNS = ("image", "images", "image_path", "pixel_values", "video", "videos", "audio", "audios")
_ELSEWHERE = ("http://", "https://", "data:", "hf://")


def media_column(values: Mapping[str, Any]) -> str | None:
    """The column that holds images, video or sound; a conversation with such parts is one."""
    for name in _COLUMNS:
        if (value := values.get(name)) and not isinstance(value, bool | int | float):
            return name
    return next((name for name in CONVERSATIONS if next(_parts(values.get(name)), None) is not None), None)


def check_files(values: Mapping[str, Any], folder: Path) -> None:
    """RowProblem for the first image, video or sound that is named by a path, from `folder`, where no file is."""
    for field, path in _paths(values):
        place = path.removeprefix("file://")
        if not place.startswith(_ELSEWHERE) and not os.path.isfile(folder / place):  # noqa: PTH113
            raise RowProblem(field, f"there is no file {clean(place, limit=120)}", "vision")


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that name a file, and the name."""
    for column in _COLUMNS:
        value = values.get(column)
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            field = f"{column}[{number}]" if isinstance(value, list) else column
            yield from ((field, path) for path in _named(one))
    for column in CONVERSATIONS:
        for field, part in _parts(values.get(column)):
            for key in (str(part["type"]), "image", "path", "url"):
                yield from ((f"{column}{field}", path) for path in _named(part.get(key)))


def _named(value: Any) -> Iterator[str]:
    """The path in a value: a text, or an object with one and without the bytes themselves."""
    if isinstance(value, Mapping) and not value.get("bytes"):
        value = value.get("path") or value.get("url")
    if isinstance(value, str) and value:
        yield value


def _parts(turns: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Parts of messages that are no text, each with its place."""
    for number, one in enumerate(turns if isinstance(turns, list) else ()):
        content = one.get("content") if isinstance(one, Mapping) else None
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, Mapping) and str(part.get("type", "")).startswith(MEDIA_PARTS):
                yield f"[{number}].content[{index}]", part


def _seen_in(sight: Sight) -> Found | None:
    if (column := media_column(sight.values)) is None:
        return None
    if column in CONVERSATIONS:
        return Found("vision", (), f"image parts in {column}")
    return Found("vision", sight.answered.columns if sight.answered else (), f"images in {column}")


def _ways_out(columns: dict[str, str]) -> list[WayOut]:
    return [WayOut("learn from the text alone", columns)] if columns else []


VISION = Shape(
    name="vision",
    rows_are="these rows have images, and tuitune cannot train on images yet; keep the text columns",
    teaches=None,
    roles=Roles(("system",)),
    seen_in=_seen_in,
    check=check_files,
    ways_out=_ways_out,
)
