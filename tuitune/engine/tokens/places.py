"""Where what a conversation says stands in the text that a chat template made of it: one walk, for all who ask."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from tuitune.engine.tokens.template import Messages

Span = tuple[int, int]

_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r"\\+(?:[nrtbf]|u[0-9a-fA-F]{4})")
_CUT = "\0"
_HEAD, _TRIES = 48, 8
_THOUGHT = re.compile(r"\s*<think>(.*?)</think>(.*)", re.DOTALL)


class Places:
    """The turns of a conversation in a text that has them in order, a system turn apart: templates put it anywhere.

    A turn with few words may seem to stand earlier than it does, inside what stands before it, or later. So each has
    an earliest and a latest place; None where it stands nowhere, or says nothing.
    """

    def __init__(self, text: str, messages: Messages) -> None:
        self.text = text
        self.messages = messages
        self.earliest: list[Span | None] = []
        ends = [0]
        for one in messages:
            found = None if one["role"] == "system" else place_of(text, one, ends[-1])
            if found is None and one["role"] != "system" and len(ends) > 1 and (found := place_of(text, one, ends[-2])):
                ends.pop()  # the turn found last only seemed to stand somewhere, in what is said later
                self.earliest[max(turn for turn, place in enumerate(self.earliest) if place)] = None
            self.earliest.append(found)
            if found:
                ends.append(found[1])

    @cached_property
    def latest(self) -> list[Span | None]:
        """The places found from the end."""
        places: list[Span | None] = []
        before = len(self.text)
        for found in reversed(self.earliest):
            if found:
                said = self.text[slice(*found)]
                before = max(self.text.rfind(said, 0, before), found[0])
                found = before, before + len(said)
            places.append(found)
        return places[::-1]

    def around(self, turn: int) -> str:
        """All that can be what the template made of a turn."""
        before = next((one[1] for one in reversed(self.earliest[:turn]) if one), 0)
        behind = next((one[0] for one in self.latest[turn + 1 :] if one), len(self.text))
        return self.text[before:behind]

    def beside(self, turn: int) -> Iterator[str]:
        """The same without what the turn says in words, which may stand in it more than once."""
        around, found = self.around(turn), self.earliest[turn]
        if found is None:
            yield around
            return
        said = self.text[slice(*found)]
        for at in dict.fromkeys((around.find(said), around.rfind(said))):
            yield around[:at] + _CUT + around[at + len(said) :]

    @cached_property
    def rest(self) -> str:
        """The text without what turns say and call."""
        cuts = [one for one in self.latest if one]
        cuts += [self._surely(turn) for turn, one in enumerate(self.messages) if "tool_calls" in one]
        parts, reached = [], 0
        for first, last in sorted(cuts):
            if last > reached:
                parts.append(self.text[reached : max(first, reached)])
                reached = last
        return _CUT.join([*parts, self.text[reached:]])

    def _surely(self, turn: int) -> Span:
        """What only the template can have made of a turn."""
        before = next((one[1] for one in reversed(self.latest[:turn]) if one), 0)
        behind = next((one[0] for one in self.earliest[turn + 1 :] if one), len(self.text))
        return before, max(before, behind)


def place_of(text: str, one: Mapping[str, Any], at: int = 0) -> Span | None:
    """The first place from `at` on of what a turn says, as it is or escaped; of an answer with its thought in tags,
    perhaps with other white space around these, and of any other turn, perhaps with other signs between its words.
    """
    said = one["content"].strip()
    if not said:
        return None
    for form in _forms(said):
        if (found := _find(text, form, at)) >= 0:
            return found, found + len(form)
    if (pattern := _loosely(said, answer=one["role"] == "assistant")) and (match := pattern.search(text, at)):
        return match.span()
    return None


def contiguous(text: str, said: str) -> bool:
    """Whether a text has what is said, in one piece; so has every text what says nothing."""
    return not said.strip() or place_of(text, {"role": "", "content": said}) is not None


def stands(text: str, said: str) -> bool:
    """Whether a text has a name or a value, apart from the words around it; or its words, written in another form."""
    for form in _forms(said.strip()):
        at = text.find(form)
        while at >= 0:
            if not (_goes_on(text, at) or _goes_on(text, at + len(form))):
                return True
            at = text.find(form, at + 1)
    return in_order(text, said)


def in_order(text: str, said: str) -> bool:
    """Whether a text has all words that are said, in their order; not where nothing is said in words."""
    if not (words := _WORD.findall(said.casefold())):
        return False
    written = iter(_WORD.findall(_ESCAPE.sub(" ", text).casefold()))
    return all(word in written for word in words)


def parted(text: str, spans: Sequence[Span]) -> tuple[str, str]:
    """What of a text lies in the spans, and what outside."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    outside = [text[first:last] for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return _CUT.join(text[first:last] for first, last in spans), _CUT.join(outside)


def _find(text: str, said: str, at: int) -> int:
    """`str.find`, which prepares itself at length for long words; here they are mostly found by how they begin."""
    head = said[:_HEAD]
    for _ in range(_TRIES):
        at = text.find(head, at)
        if at < 0 or text.startswith(said, at):
            return at
        at += 1
    return text.find(said, at)


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on across a place."""
    if not 0 < at < len(text):
        return False
    before, behind = text[at - 1], text[at]
    return (before.isalnum() or before == "_") and (behind.isalnum() or behind == "_")


def _forms(said: str) -> Iterator[str]:
    """A text as templates write it: as it is, as JSON, as JSON in JSON, for HTML."""
    yield said
    escaped = [json.dumps(said, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)]
    yield from escaped
    yield from (json.dumps(one, ensure_ascii=False)[1:-1] for one in escaped)
    for one in (said, escaped[0], escaped[1]):
        yield html.escape(one)
        yield re.sub("[<>&']", lambda sign: f"\\u{ord(sign[0]):04x}", one)
    yield repr(said)[1:-1]


def _loosely(said: str, *, answer: bool) -> re.Pattern[str] | None:
    if not answer:
        words = _WORD.findall(said)
        return re.compile(r"(?<!\w)" + r"\W+".join(words) + r"(?!\w)", re.IGNORECASE) if words else None
    if not (match := _THOUGHT.fullmatch(said)):
        return None
    thought, behind = (re.escape(one.strip()) for one in match.groups())
    parts = ["<think>", thought, "</think>", behind] if thought else [behind]
    return re.compile(r"\s*".join(part for part in parts if part)) if behind or thought else None
