"""What a row says and its chat template leaves out: held against the text that the template made of the row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tuitune.data.shapes.turns import REASONING
from tuitune.engine.template import Messages, Tools

SYSTEM, REASONS, EARLIER_REASONS = "system turns", "reasoning", "the reasoning of earlier answers"
THOUGHTS = "what answers say in <think> tags"
CALLS, RESULTS, TOOLS, NAMES = "tool calls", "what tools answer", "tools", "the names of speakers"
QUESTIONS, ANSWERS, EARLIER_ANSWERS = "questions", "answers", "earlier answers"
BESIDE_CALLS = "what answers say beside tool calls"

_SAID_BY = {"system": SYSTEM, "user": QUESTIONS, "assistant": ANSWERS, "tool": RESULTS}
_WORD = re.compile(r"\w+")
_THOUGHT = "</think>"


def left_out(text: str, messages: Messages, tools: Tools | None) -> tuple[str, ...]:
    """What of a conversation and its tools is not in the `text` made of it, in words, each once."""
    return tuple(dict.fromkeys([*_of_turns(text, messages), *([TOOLS] if _tools_missing(text, tools) else [])]))


def slug(what: str) -> str:
    """The same as part of a name."""
    return re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")


def _of_turns(text: str, messages: Messages) -> Iterator[str]:
    at = 0
    last = max((place for place, one in enumerate(messages) if one["role"] == "user"), default=0)
    for place, one in enumerate(messages):
        content = one["content"]
        found = text.find(content, at)
        if found >= 0:
            at = found + len(content)
        elif not _written(text, content):
            yield _what(text, one, earlier=place < last)
        if len(one) > 2:
            yield from _beside_content(text, one, earlier=place < last)


def _what(text: str, one: Mapping[str, Any], *, earlier: bool) -> str:
    """What is lost where not all words of a turn are written: perhaps only what it thinks aloud."""
    _, thought, answer = one["content"].rpartition(_THOUGHT)
    if one["role"] == "assistant" and thought and _written(text, answer):
        return EARLIER_REASONS if earlier else THOUGHTS
    if one["role"] == "assistant" and (earlier or "tool_calls" in one):
        return BESIDE_CALLS if "tool_calls" in one else EARLIER_ANSWERS
    return _SAID_BY[one["role"]]


def _beside_content(text: str, one: Mapping[str, Any], *, earlier: bool) -> Iterator[str]:
    if any(key in one and not _written(text, one[key]) for key in REASONING):
        yield EARLIER_REASONS if earlier else REASONS
    if "tool_calls" in one and not all(_written(text, word) for word in _words_of(one["tool_calls"])):
        yield CALLS
    if "name" in one and one["role"] != "tool" and not _written(text, one["name"]):
        yield NAMES


def _words_of(calls: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Names of functions, and keys and texts of their arguments."""
    for call in calls:
        yield call["function"]["name"]
        yield from _texts(call["function"]["arguments"])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _tools_missing(text: str, tools: Tools | None) -> bool:
    return any(one["function"]["name"] not in text for one in tools or ())


def _written(text: str, said: str) -> bool:
    """Whether a text has all that is said, perhaps trimmed or escaped: its words, in their order."""
    if said.strip() in text:
        return True
    at, words, text = 0, _WORD.findall(said.casefold()), text.casefold()
    for word in words:
        if (at := text.find(word, at)) < 0:
            return False
        at += len(word)
    return bool(words) or not said.strip()
