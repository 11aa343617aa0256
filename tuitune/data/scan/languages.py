"""The languages of texts, by their letters and words (langid.py's model, as py3langid ships it)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LEAST = 40
"""Letters that a text must have for its language to show."""

_RARE = 0.005
_SURE = 0.7
"""How likely a language must be to be told: short English with foreign names is half Nigerian Pidgin to the model, at
0.5; the data sets in `sample_data` stand above 0.7 but for one row in fifty.
"""


@cache
def model() -> LanguageIdentifier:
    """The model, which takes most of a second to read; for much of it other threads can work on."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=_SURE)


def languages(texts: Sequence[str]) -> dict[str, float]:
    """Language code (ISO 639) → share of the texts, largest first; those under half a per cent together as "other".

    Texts with hardly a letter, and those whose language is not clear, are left out.
    """
    judged = [text for text in texts if sum(map(str.isalpha, text)) >= LEAST]
    clear = [code for code, _ in map(model().classify, judged) if code != "und"]
    shares = {code: count / len(clear) for code, count in Counter(clear).most_common()}
    common = {code: round(share, 4) for code, share in shares.items() if share >= _RARE}
    rest = 1 - sum(share for share in shares.values() if share >= _RARE)
    return {**common, "other": round(rest, 4)} if len(common) < len(shares) else common
