"""What a row says and its chat template leaves out: held against the text that the template made of the row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuitune.engine.tokens.control_tokens import strings
from tuitune.engine.tokens.places import Places, Span, contiguous, in_order, parted, place_of, stands
from tuitune.engine.tokens.template import Tools
from tuitune.rows.turns import REASONING

SYSTEM, REASONS, EARLIER_REASONS = "system turns", "reasoning", "the reasoning of earlier answers"
UNTHOUGHT = "the reasoning of earlier answers, which are learned without it"
NO_REASONS = "empty reasoning"
THOUGHTS = "what answers say in <think> tags"
CALLS, RESULTS, TOOLS, NAMES = "tool calls", "what tools answer", "tools", "the names of speakers"
QUESTIONS, ANSWERS, EARLIER_ANSWERS = "questions", "answers", "earlier answers"
BESIDE_CALLS = "what answers say beside tool calls"
WORDING = "the wording of answers"

_SAID_BY = {"system": SYSTEM, "user": QUESTIONS, "assistant": ANSWERS, "tool": RESULTS}
_THOUGHT = "</think>"
_NO_THOUGHT = re.compile(r"<think>\s*</think>")


@dataclass(frozen=True)
class Reasoning:
    """Whether a template writes the reasoning of a last answer, that in a `field` beside what it says and that in
    `tags` within, and the places of the answers that are `learned`.
    """

    field: bool = True
    tags: bool = True
    learned: Collection[int] = ()

    def dropped(self, place: int, asked: int, *, tags: bool) -> str:
        """What it means that the reasoning of an answer is dropped, where the last question stands at `asked`."""
        if place < asked and (self.tags if tags else self.field):
            return UNTHOUGHT if place in self.learned else EARLIER_REASONS
        return THOUGHTS if tags else REASONS


_CONTEXT = Reasoning()


def left_out(places: Places, tools: Tools | None, reasoning: Reasoning = _CONTEXT) -> tuple[str, ...]:
    """What of a conversation and its tools is not in the text made of it, in words, each once."""
    untold = any(not _described(places.rest, one["function"]) for one in tools or ())
    return tuple(dict.fromkeys([*_of_turns(places, reasoning), *([TOOLS] if untold else [])]))


def thinks_nothing(places: Places, answers: Iterable[Span], opening: int) -> bool:
    """Whether any of the answers begins by reasoning with nothing, though no turn says so: within it or in part in the
    characters of the template's `opening` before it.
    """
    found = (
        match.end() > first
        for first, last in answers
        for match in _NO_THOUGHT.finditer(places.text, max(0, first - opening), last)
    )
    return any(found) and not any(_NO_THOUGHT.search(one["content"]) for one in places.messages)


def mismarked(places: Places, spans: Sequence[Span]) -> str:
    """What the marks of a template around its answers, `spans`, take in or leave out that they should not, in words."""
    inside, outside = parted(places.text, spans)
    whole = len(spans) == sum(one["role"] == "assistant" for one in places.messages)
    at = answers = 0
    for one, written in zip(places.messages, places.earliest, strict=True):
        if one["role"] == "assistant":
            marked = places.text[slice(*spans[answers])] if whole else inside
            answers += 1
            if not all(stands(marked, word) for word in _words_of(one)):
                return f"leave out {CALLS}"
            if written and not (place_of(marked, one) or in_order(marked, one["content"])):
                return f"leave out {ANSWERS}"
        elif one["role"] == "system":
            if not place_of(outside, one) and place_of(inside, one):
                return f"take in {SYSTEM}"
        elif found := place_of(outside, one, at):
            at = found[1]
        elif written:
            return f"take in {_SAID_BY[one['role']]}"
    return ""


def slug(what: str) -> str:
    """The same as part of a name."""
    return re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")


def _of_turns(places: Places, reasoning: Reasoning) -> Iterator[str]:
    last = max((place for place, one in enumerate(places.messages) if one["role"] == "user"), default=0)
    for place, one in enumerate(places.messages):
        if one["role"] == "system":
            if not contiguous(places.rest, one["content"]):
                yield SYSTEM
        elif places.earliest[place] is None and not ("tool_calls" in one and contiguous(places.rest, one["content"])):
            thought = reasoning.dropped(place, last, tags=True)
            yield from _what(places.around(place), one, thought, earlier=place < last)
        if len(one) > 2:
            yield from _beside_content(places, place, one, reasoning.dropped(place, last, tags=False))


def _what(around: str, one: Mapping[str, Any], thinking: str, *, earlier: bool) -> Iterator[str]:
    """What is lost of a turn that is not written as it is: perhaps only its `thinking`, or its wording."""
    if not one["content"].strip():
        return
    written = in_order(around, one["content"])
    _, thought, answer = one["content"].rpartition(_THOUGHT)
    if one["role"] == "tool" and written:
        return
    if one["role"] == "assistant" and written:
        yield WORDING
    elif one["role"] == "assistant" and thought and contiguous(around, answer):
        yield thinking
    elif one["role"] == "assistant" and (earlier or "tool_calls" in one):
        yield BESIDE_CALLS if "tool_calls" in one else EARLIER_ANSWERS
    else:
        yield _SAID_BY[one["role"]]


def _beside_content(places: Places, place: int, one: Mapping[str, Any], reasoning: str) -> Iterator[str]:
    beside = list(places.beside(place))
    reasons = [one[key] for key in REASONING if key in one]
    if any(not any(contiguous(text, said) for text in beside) for said in reasons):
        yield reasoning
    calls = list(_words_of(one))
    if calls and not any(all(stands(text, word) for word in calls) for text in beside):
        yield CALLS
    if "name" in one and one["role"] != "tool" and not any(stands(text, one["name"]) for text in beside):
        yield NAMES


def _words_of(one: Mapping[str, Any]) -> Iterator[str]:
    """Names of functions that a turn calls, and keys and texts of their arguments."""
    for call in one.get("tool_calls", ()):
        yield call["function"]["name"]
        yield from (text for text in strings(call["function"]["arguments"]) if text.strip())


def _described(text: str, tool: Mapping[str, Any]) -> bool:
    """Whether a text has the name of a tool, and what it does or the names of what it takes."""
    if not stands(text, tool["name"]):
        return False
    purpose = tool.get("description") or ""
    parameters = tool.get("parameters") or {}
    takes = list(parameters.get("properties") or ()) if isinstance(parameters, Mapping) else []
    told = bool(purpose.strip()) and contiguous(text, purpose)
    return told or (bool(takes) and all(stands(text, name) for name in takes)) or not (purpose.strip() or takes)
