"""A histogram as rows of a list: a bar a range, and the line between what is kept and what is cut."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.tui.widgets.row_list import Row

_EIGHTHS = " ▏▎▍▌▋▊▉"
_RANGE = 17


def histogram(edges: Sequence[float], counts: Sequence[int], most: int, limit: float | None = None) -> list[Row]:
    """At most `most` bars for `counts[i]` things between `edges[i]` and `edges[i + 1]`, with a line at `limit`."""
    edges, counts = merged(edges, counts, most)
    largest = max(counts, default=1) or 1
    rows = [_bar_row(edges[at], edges[at + 1], count, largest, limit) for at, count in enumerate(counts)]
    if limit is not None:
        kept = sum(edge < limit for edge in edges[: len(counts)])
        rows.insert(kept, _limit_row(limit))
    return rows


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` cells, in eighths of a cell; what is not nothing can be seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(max(eighths, 1) if share > 0 else 0, 8)
    return "█" * full + (_EIGHTHS[part] if part else "")


def merged(edges: Sequence[float], counts: Sequence[int], most: int) -> tuple[list[float], list[int]]:
    """The histogram in at most `most` ranges, neighbours taken together."""
    together = max(1, -(-len(counts) // most))
    starts = range(0, len(counts), together)
    sums = [sum(counts[start : start + together]) for start in starts]
    return [*(edges[start] for start in starts), *edges[len(counts) : len(counts) + 1]], sums


def _bar_row(low: float, high: float, count: int, largest: int, limit: float | None) -> Row:
    colour = "$warn" if limit is not None and low >= limit else "$accent"

    def draw(width: int) -> list[Content]:
        room = max(width - _RANGE - len(f"{largest:,}") - 2, 1)
        span = f"{low:,.0f}–{high:,.0f}".rjust(_RANGE - 1)
        figure = f" {count:,}" if count else ""
        return [Content.assemble((f"{span} ", "$faint"), (bar(count / largest, room), colour), figure)]

    return Row(f"from {low}", draw, selectable=False)


def _limit_row(limit: float) -> Row:
    def draw(width: int) -> list[Content]:
        return [Content.styled(f"{'─' * (_RANGE - 2)} cut after {limit:,.0f} ".ljust(width, "─")[:width], "$warn")]

    return Row("limit", draw, selectable=False)
