"""The records of samples.jsonl: answers, and where a later life goes on, which the engine alone writes."""

from __future__ import annotations

from typing import ClassVar

from tuitune.runs.store.records.checks import Count, Named, Number, Seconds
from tuitune.runs.store.records.line import Line


class Sample(Line):
    """An answer to a prompt. `nonce` names the request that asked for it, None where the recipe did."""

    rare: ClassVar[frozenset[str]] = frozenset({"nonce"})

    step: Count = None
    index: Count = None
    prompt: Named = None
    answer: Named = None
    label: Named = None
    tokens: Number = None
    seconds: Seconds = None
    nonce: Named = None


class Superseded(Line):
    """Answers of later steps than this one count no more."""

    kind: ClassVar[str] = "resumed"

    step: Count = None
