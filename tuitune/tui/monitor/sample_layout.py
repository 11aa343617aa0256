"""The texts of a sample in a pane: each after its title, all of them whole where there is room for that."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

Page = tuple[str, Content]
"""A title and a text."""

_TITLE, _HANGING = 18, 2
_BROAD = 64
"""Cells from which on the texts stand in a column of their own, right of the titles."""


def laid_out(pages: Sequence[Page], width: int, height: int) -> list[Content]:
    """The pages as lines of `width` cells. The last one is never cut; the others share what it leaves of `height`,
    a line each at least.
    """
    *others, last = (_lines(page, width) for page in pages)
    room = height - len(last)
    for number, page in enumerate(others):
        fair = max(room // (len(others) - number), 1)
        cut = page if sum(map(len, others[number:])) <= room else _cut(pages[number], width, fair)
        room -= len(cut)
        others[number] = cut
    return [line for page in (*others, last) for line in page]


def _lines(page: Page, width: int) -> list[Content]:
    """The title, then the text in lines that hang below its beginning."""
    title, text = page
    indent = _TITLE if width >= _BROAD else _HANGING
    head = Content.styled(title, "bold").pad_right(max(indent - len(title), 2))
    paragraphs = (head[indent:] + text).split("\n")
    first, *more = (line for paragraph in paragraphs for line in paragraph.wrap(max(width - indent, 1)))
    return [head[:indent] + first, *(line.pad_left(indent) for line in more)]


def _cut(page: Page, width: int, height: int) -> list[Content]:
    """The page as one paragraph in `height` lines at most."""
    title, text = page
    lines = _lines((title, Content(" ⏎ ").join(part for part in text.split("\n") if part)), width)
    if len(lines) > height:
        lines = [*lines[: height - 1], lines[height - 1].truncate(width - 1) + "…"]
    return lines
