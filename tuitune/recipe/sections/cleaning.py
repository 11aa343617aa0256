"""The [cleaning] table: what happens to rows before training."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Count, Section, setting

USUAL_SHORTEST = 50
"""Characters below which an answer in prose is usually too short to learn from."""

USUAL_SIMILARITY = 0.8
"""Jaccard similarity of word triples from which two instructions are usually alike."""


class CleaningSection(Section):
    """Cleaning"""

    unusable: Literal["refuse", "drop"] = setting("refuse", "unusable rows", affects="tokens")
    """Rows that cannot be read or have the wrong shape: refuse the data set and name them, or drop and count them."""
    empty: bool = setting(False, "drop empty", affects="tokens")
    """Drop rows whose instruction or answer is empty."""
    whitespace: bool = setting(False, "tidy white space", affects="tokens")
    """Trim texts, unify line ends, and remove spaces at line ends and repeated blank lines."""
    shortest: Count | None = setting(
        None, "shortest answer", affects="tokens", usual=USUAL_SHORTEST, step=10, unit="characters"
    )
    """Drop rows whose last answer is shorter; 50 is usual for prose. Empty keeps all."""
    doubtful: Literal["report", "drop"] = setting("report", "answers in doubt", affects="tokens")
    """Pairs that look swapped (the chosen answer says nothing, refuses or breaks off where the rejected one does not,
    or has no higher score), good answers that say nothing or break off, answers that begin with all that was asked, and
    answers that are called both good and bad: report or drop them."""
    duplicates: bool = setting(False, "drop duplicates", affects="tokens")
    """Drop rows equal to an earlier row."""
    near_duplicates: float | None = setting(
        None, "drop near-duplicates", affects="tokens", usual=USUAL_SIMILARITY, step=0.05, ge=0.5, le=1
    )
    """Drop rows whose instruction is at least this similar to an earlier one: Jaccard similarity of word triples,
    without those that most rows share. 0.8 is usual; empty keeps them."""
    control_tokens: Literal["keep", "remove"] = setting("keep", "control tokens", affects="tokens", by_tokens=True)
    """Control tokens in the text of conversations, such as an end token inside an answer or a second beginning token:
    keep and count them, or remove them."""
    too_long: Literal["cut", "drop"] = setting("cut", "over-long rows", affects="tokens", by_tokens=True)
    """Rows longer than data.max_length: cut their end, or drop them."""
    leakage: Literal["report", "drop"] = setting("report", "leakage", affects="tokens")
    """Training rows equal or nearly equal to a held-out row make the held-out loss too low: report or drop them."""
