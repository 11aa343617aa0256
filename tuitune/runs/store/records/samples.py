"""The records of samples.jsonl: answers, and where a later life goes on, which the engine alone writes."""

from __future__ import annotations

from tuitune.runs.store.records.line import Count, Line, Named, Number, Seconds


class Sample(Line, rare={"nonce"}):
    """An answer to a prompt. `nonce` names the request that asked for it, None where the recipe did."""

    step: Count = None
    index: Count = None
    prompt: Named = None
    answer: Named = None
    label: Named = None
    tokens: Number = None
    seconds: Seconds = None
    nonce: Named = None


class Superseded(Line, kind="resumed"):
    """Answers of later steps than this one count no more."""

    step: Count = None
