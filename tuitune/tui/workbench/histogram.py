"""A histogram as rows of a list: a bar a range, and the line between what is kept and what is cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count, pairwise

from textual.content import Content

from tuitune.tui.widgets.row_list import ListRow

Range = tuple[float, float, int]
"""From, up to, and how many."""

_EIGHTHS = " ▏▎▍▌▋▊▉"
_RANGE = 17


def histogram(edges: Sequence[float], counts: Sequence[int], most: int, limit: float | None = None) -> list[ListRow]:
    """At most `most` bars for `counts[i]` things from `edges[i]` up to the next edge, with a line at `limit`.

    The last range is open where it has no upper edge. Empty ranges at the ends are left out.
    """
    ranges = _ranges(edges, counts)
    within = [one for one in ranges if limit is None or one[0] < limit]
    beyond = ranges[len(within) :]
    together = _together(len(within), len(beyond), most)
    within, beyond = merged(within, together, from_end=limit is not None), merged(beyond, together)
    largest = max((rows for _, _, rows in [*within, *beyond]), default=1) or 1
    rows = [_bar_row(one, largest, "$accent") for one in within]
    rows += [_limit_row(limit)] if limit is not None else []
    return rows + [_bar_row(one, largest, "$warn") for one in beyond]


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` cells, in eighths of a cell; what is not nothing can be seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(max(eighths, 1) if share > 0 else 0, 8)
    return "█" * full + (_EIGHTHS[part] if part else "")


def merged(ranges: Sequence[Range], together: int, *, from_end: bool = False) -> list[Range]:
    """Neighbours taken `together`, counted from the first range or from the last one.

    What is left over at the other end is a range as wide as the others where those are of one width: there is nothing
    beyond it.
    """
    left_over = len(ranges) % together if from_end else 0
    starts = sorted({0, *range(left_over, len(ranges), together)})
    groups = [ranges[start:stop] for start, stop in pairwise([*starts, len(ranges)]) if start < stop]
    found = [(group[0][0], group[-1][1], sum(rows for _, _, rows in group)) for group in groups]
    widths = {high - low for low, high, _ in ranges[1:-1]}
    if len(widths) == 1:
        width = widths.pop() * together
        low, high, rows = found[0 if from_end else -1]
        if from_end:
            found[0] = min(low, max(high - width, 0)), high, rows
        else:
            found[-1] = low, max(high, low + width), rows
    return found


def _together(within: int, beyond: int, most: int) -> int:
    """How many ranges are taken together so that at most `most` bars remain, on either side of the limit."""
    sides = (within > 0) + (beyond > 0)
    return next(size for size in count(1) if -(-within // size) + -(-beyond // size) <= max(most, sides))


def _ranges(edges: Sequence[float], counts: Sequence[int]) -> list[Range]:
    filled = [at for at, count in enumerate(counts) if count]
    if not filled:
        return []
    upper = [*edges[1:], math.inf]
    return [(edges[at], upper[at], counts[at]) for at in range(filled[0], filled[-1] + 1)]


def _bar_row(one: Range, largest: int, colour: str) -> ListRow:
    low, high, count = one

    def draw(width: int) -> list[Content]:
        room = max(width - _RANGE - len(f"{largest:,}") - 2, 1)
        span = (f"{low:,.0f}–{high:,.0f}" if high < math.inf else f"{low:,.0f} and more").rjust(_RANGE - 1)
        figure = f" {count:,}" if count else ""
        return [Content.assemble((f"{span} ", "$faint"), (bar(count / largest, room), colour), figure)]

    return ListRow(f"from {low}", draw, selectable=False)


def _limit_row(limit: float) -> ListRow:
    def draw(width: int) -> list[Content]:
        return [Content.styled(f"{'─' * (_RANGE - 2)} cut after {limit:,.0f} ".ljust(width, "─")[:width], "$warn")]

    return ListRow("limit", draw, selectable=False)
