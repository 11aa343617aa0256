"""The languages of texts, by their letters and words (langid.py's model, as py3langid ships it)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

LEAST = 40
"""Letters that a text must have for its language to show."""

_RARE = 0.005


def load() -> Callable[[str], tuple[str, float]]:
    """What tells the language of a text, and how sure it is. For a process of its own: the first call takes most of a
    second; for much of it other threads can work on.
    """
    from py3langid.langid import classify

    classify("")
    return cast("Callable[[str], tuple[str, float]]", classify)


def languages(texts: Sequence[str]) -> dict[str, float]:
    """Language code (ISO 639-1) → share of the texts, largest first; those under half a per cent together as "other".

    Texts with hardly a letter are left out.
    """
    classify = load()
    judged = [text for text in texts if sum(map(str.isalpha, text)) >= LEAST]
    counts = Counter(classify(text)[0] for text in judged)
    shares = {code: count / len(judged) for code, count in counts.most_common()}
    common = {code: round(share, 4) for code, share in shares.items() if share >= _RARE}
    rest = 1 - sum(share for share in shares.values() if share >= _RARE)
    return {**common, "other": round(rest, 4)} if len(common) < len(shares) else common
