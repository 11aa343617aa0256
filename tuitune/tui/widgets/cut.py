"""Texts too long for their place, cut where they tell least."""

from __future__ import annotations

from rich.cells import cell_len

_MARK = "…"


def keep_end(text: str, room: int) -> str:
    """`text` in at most `room` cells, cut at its beginning: the end of a path is what tells it from others."""
    if cell_len(text) <= room:
        return text
    end = text[-room:]
    while end and cell_len(end) > room - len(_MARK):
        end = end[1:]
    return _MARK + end
