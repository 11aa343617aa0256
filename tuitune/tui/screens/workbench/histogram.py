"""A histogram as rows of a list: a bar a range, and the line between what is kept and what is cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content

from tuitune.tui.widgets.row_list import Row

Range = tuple[float, float, int]
"""From, up to, and how many."""

_EIGHTHS = " ▏▎▍▌▋▊▉"
_RANGE = 17
_LEAST = 2
"""Bars at least for what is kept, so that the line where rows are cut is near its place."""


def histogram(edges: Sequence[float], counts: Sequence[int], most: int, limit: float | None = None) -> list[Row]:
    """At most `most` bars for `counts[i]` things from `edges[i]` up to the next edge, with a line at `limit`.

    The last range is open where it has no upper edge. Empty ranges at the ends are left out.
    """
    ranges = _ranges(edges, counts)
    within = [one for one in ranges if limit is None or one[0] < limit]
    beyond = ranges[len(within) :]
    if beyond:
        room = min(max(round(most * len(within) / len(ranges)), _LEAST), most - 1)
        within, beyond = merged(within, room), merged(beyond, most - room)
    else:
        within = merged(within, most)
    largest = max((count for _, _, count in [*within, *beyond]), default=1) or 1
    rows = [_bar_row(one, largest, "$accent") for one in within]
    rows += [_limit_row(limit)] if limit is not None else []
    return rows + [_bar_row(one, largest, "$warn") for one in beyond]


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` cells, in eighths of a cell; what is not nothing can be seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(max(eighths, 1) if share > 0 else 0, 8)
    return "█" * full + (_EIGHTHS[part] if part else "")


def merged(ranges: Sequence[Range], most: int) -> list[Range]:
    """The ranges in at most `most`, neighbours taken together."""
    together = max(1, -(-len(ranges) // most))
    groups = [ranges[start : start + together] for start in range(0, len(ranges), together)]
    return [(group[0][0], group[-1][1], sum(count for _, _, count in group)) for group in groups]


def _ranges(edges: Sequence[float], counts: Sequence[int]) -> list[Range]:
    filled = [at for at, count in enumerate(counts) if count]
    if not filled:
        return []
    upper = [*edges[1:], math.inf]
    return [(edges[at], upper[at], counts[at]) for at in range(filled[0], filled[-1] + 1)]


def _bar_row(one: Range, largest: int, colour: str) -> Row:
    low, high, count = one

    def draw(width: int) -> list[Content]:
        room = max(width - _RANGE - len(f"{largest:,}") - 2, 1)
        span = (f"{low:,.0f}–{high:,.0f}" if high < math.inf else f"{low:,.0f} and more").rjust(_RANGE - 1)
        figure = f" {count:,}" if count else ""
        return [Content.assemble((f"{span} ", "$faint"), (bar(count / largest, room), colour), figure)]

    return Row(f"from {low}", draw, selectable=False)


def _limit_row(limit: float) -> Row:
    def draw(width: int) -> list[Content]:
        return [Content.styled(f"{'─' * (_RANGE - 2)} cut after {limit:,.0f} ".ljust(width, "─")[:width], "$warn")]

    return Row("limit", draw, selectable=False)
