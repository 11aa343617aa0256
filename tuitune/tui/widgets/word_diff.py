"""Which words of a text are not in an earlier one: for samples, that change as a model learns."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
WORD_LIMIT = 600
"""Words beyond this many are not compared: the work grows with the square of their number."""


def changed_spans(text: str, earlier: str) -> list[tuple[int, int]]:
    """Character ranges of `text` that differ from `earlier`, by whole words and signs, in order."""
    words, others = _WORDS.findall(text)[:WORD_LIMIT], _WORDS.findall(earlier)[:WORD_LIMIT]
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    matcher = SequenceMatcher(None, others, words, autojunk=False)
    return [
        (starts[start], starts[stop])
        for tag, _, _, start, stop in matcher.get_opcodes()
        if tag in ("replace", "insert") and "".join(words[start:stop]).strip()
    ]
