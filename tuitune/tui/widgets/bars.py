"""A run's state with its sign, small bars and charts, figures in a row: styled text for one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from textual.content import Content

from tuitune.text import clean

Figure = str | tuple[str, str] | Content

STATE_GLYPHS: dict[str, tuple[str, str]] = {
    "queued": ("○", "faint"),
    "starting": ("◐", "accent"),
    "training": ("●", "ok"),
    "paused": ("‖", "warn"),
    "stopping": ("◑", "warn"),
    "finished": ("✓", "ok"),
    "stopped": ("■", "faint"),
    "failed": ("✗", "bad"),
    "crashed": ("✗", "bad"),
}
"""Run state → (glyph, theme variable of its colour). The word is always written beside the glyph."""

_BLOCKS = "▁▂▃▄▅▆▇█"


def state_content(state: str) -> Content:
    """`● training` in the state's colour."""
    glyph, colour = STATE_GLYPHS.get(state, ("?", "faint"))
    return Content.styled(f"{glyph} {clean(state)}", f"${colour}")


def progress_bar(share: float, width: int) -> Content:
    """A line filled to `share` (0 to 1) in half cells."""
    full, half = divmod(round(min(max(share, 0.0), 1.0) * width * 2), 2)
    head = "━" * full + "╸" * half
    return Content.assemble((head, "$accent"), ("·" * (width - len(head)), "$rule"))


def gauge(parts: Iterable[tuple[float, str, str]], width: int) -> Content:
    """A bar of parts: (share of the whole, character, colour), the rest dotted. What is not nothing gets a cell."""
    cells: list[tuple[str, str]] = []
    room, passed, drawn = width, 0.0, 0
    for share, glyph, colour in parts:
        passed += min(max(share, 0.0), 1.0)
        count = min(max(round(passed * width) - drawn, 1 if share > 0.001 else 0), room)
        cells.append((glyph * count, colour))
        room -= count
        drawn += count
    return Content.assemble(*cells, ("·" * room, "$rule"))


def spark(values: Sequence[float | None], width: int) -> str:
    """The finite `values`, averaged into at most `width` block characters from the lowest (▁) to the highest (█)."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite or width < 1:
        return ""
    count = min(width, len(finite))
    edges = [index * len(finite) // count for index in range(count + 1)]
    means = [sum(finite[start:end]) / (end - start) for start, end in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return _BLOCKS[0] * count
    return "".join(_BLOCKS[min(int((mean - low) / (high - low) * len(_BLOCKS)), len(_BLOCKS) - 1)] for mean in means)


def joined(figures: Iterable[Figure | None], width: int | None = None) -> Content:
    """Figures one after another with a dot between; those that no longer fit into `width` are left out."""
    line = Content("")
    for figure in figures:
        if figure is None:
            continue
        longer = Content.assemble(line, (" · ", "$faint"), figure) if line else Content.assemble(figure)
        if width is None or longer.cell_length <= width:
            line = longer
    return line


def labelled(label: str, value: str | Content, style: str = "") -> Content:
    """`label value`, the label faint."""
    return Content.assemble((f"{label} ", "$faint"), value if isinstance(value, Content) else (value, style))
