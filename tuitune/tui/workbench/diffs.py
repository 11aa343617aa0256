"""What changed from one text to another, as one text: what went struck through, what came underlined."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from textual.content import Content

from tuitune.text import clean

_PIECES = re.compile(r"\w+|\r\n|\s|[^\w\s]")
_MOST = 1500
"""Pieces beyond this many are not compared: the work grows with the square of their number."""

_VISIBLE = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎\n", "\r": "␍"})
_GONE, _CAME = "$bad strike", "$ok underline"


def difference(before: str, after: str, *, cut: bool = False) -> Content:
    """`before` made into `after`, white space shown where it changed. Long texts are compared at their beginning.

    Of texts that were `cut`, what differs at their very end is no change.
    """
    old, new = _PIECES.findall(before)[:_MOST], _PIECES.findall(after)[:_MOST]
    parts: list[str | tuple[str, str]] = []
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if cut and changes and changes[-1][0] != "equal":
        del changes[-1]
    for tag, start, stop, new_start, new_stop in changes:
        if tag == "equal":
            parts.append(clean("".join(old[start:stop]), newlines=True))
        else:
            parts += [(_visible("".join(old[start:stop])), _GONE), (_visible("".join(new[new_start:new_stop])), _CAME)]
    return Content.assemble(*(part for part in parts if part and (isinstance(part, str) or part[0])))


def _visible(text: str) -> str:
    return clean(text.translate(_VISIBLE), newlines=True)
