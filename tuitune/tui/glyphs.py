"""Signs with a meaning: a run's state as glyph, word and colour, and small block charts for table cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from textual.content import Content

from tuitune.text import clean

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
