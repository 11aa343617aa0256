"""Where the answers lie in what a chat template renders, when it does not mark them; and where an answer ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

from transformers import PreTrainedTokenizerBase

from tuitune.engine.tokens.template import ChatTemplate, Messages, RenderProblem, Tools

Span = tuple[int, int]

_STAND_IN = "\ue000\ue001\ue002"
"""A word that no answer has: characters for private use, which templates pass through."""


class Ends:
    """The tokens that end a turn: special ones, and among them the `stop_ids` at which a model stops to generate."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop_ids: Collection[int]) -> None:
        known = {number for number in {tokenizer.eos_token_id, *stop_ids} if number is not None}
        self.stops = tuple(str(text) for text in tokenizer.convert_ids_to_tokens(sorted(known)) if text)
        special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._all = tuple(dict.fromkeys([*self.stops, *special]))

    def cut(self, text: str, span: Span) -> Span:
        """The span up to the token that ends its turn: white space and special tokens behind that are the template's,
        and no model is asked to write them. The span as it is where no such token ends it.
        """
        first, last = span
        at, end = last, None
        while True:
            while at > first and text[at - 1].isspace():
                at -= 1
            if not text.endswith(self._all, first, at):
                return first, last if end is None else end
            token = next(one for one in self._all if text.endswith(one, first, at))
            if end is None or token in self.stops:
                end = at
            at -= len(token)

    def joined(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans, of which one that has only special tokens, white space behind another, is the end of that one."""
        found: list[Span] = []
        for first, last in spans:
            if found and not text[found[-1][1] : first].strip() and not self._bare(text[first:last]):
                first = found.pop()[0]
            found.append((first, last))
        return found

    def closing(self, text: str, span: Span) -> Span:
        """The span with the stop token behind it: some templates end a turn only when another one follows."""
        first, last = span
        if text[first:last].rstrip().endswith(self.stops):
            return span
        return first, last + max((len(token) for token in self.stops if text.startswith(token, last)), default=0)

    def _bare(self, text: str) -> str:
        """A text without the special tokens and the white space at its end."""
        while (less := text.rstrip()).endswith(self._all):
            text = less.removesuffix(next(token for token in self._all if less.endswith(token)))
        return less

    def first_in(self, text: str, start: int, before: int) -> int | None:
        """Where the first stop token of `text` from `start` on ends, if it begins before `before`."""
        found = [(place, token) for token in self.stops if (place := text.find(token, start, before)) >= 0]
        return None if not found else (nearest := min(found))[0] + len(nearest[1])


def begun(text: str, span: Span, opening: str) -> Span:
    """The span without what it has of the `opening` with which a model is asked for an answer: no model writes that."""
    first, last = span
    fewest, most = max(len(opening) - first, 1), min(len(opening), last - first)
    places = (first + count for count in range(most, fewest - 1, -1))
    return next((at for at in places if text.startswith(opening, at - len(opening))), first), last


class AnswerFinder:
    """Finds the answers in `text`, what a template makes of a conversation; RenderProblem as `ChatTemplate.render`."""

    def __init__(self, template: ChatTemplate, messages: Messages, tools: Tools | None) -> None:
        self._messages = messages
        self._render = partial(template.render, tools=tools)
        self.text = self._render(messages)

    def find(self, place: int, ends: Ends) -> Span | None:
        """The characters that the answer `messages[place]` takes with its end; None where nothing tells.

        It begins where the template leaves the model to go on. A template that renders the beginning of a conversation
        otherwise than as a part of the whole is asked for the same one with other words in that answer.
        """
        if (span := self.between(place)) is not None:
            return ends.closing(self.text, span)
        messages = self._messages
        other = self._render([*messages[:place], _in_other_words(messages[place]), *messages[place + 1 :]])
        first = _shared(self.text, other)
        last = len(self.text) - _shared(self.text[first:][::-1], other[first:][::-1])
        if first >= last or _STAND_IN not in other:
            return None
        end: int | None = len(self.text)
        if place < len(messages) - 1:
            following = str(messages[place + 1]["content"]).strip()
            reached = self.text.find(following, last) if following else -1
            end = ends.first_in(self.text, last, reached if reached >= 0 else len(self.text))
        return None if end is None else (self._begin(place, first), end)

    def between(self, place: int) -> Span | None:
        """The answer as what it adds to the conversation before it; None where these are no beginnings of the whole."""
        before = self._before(place)
        after = self.text if place == len(self._messages) - 1 else self._render(self._messages[: place + 1])
        if self.text.startswith(before) and self.text.startswith(after) and after.startswith(before):
            return len(before), len(after)
        return None

    def _begin(self, place: int, first: int) -> int:
        """Where an answer begins whose words begin at `first`: before the reasoning that the template opens by itself,
        as far as what the model is asked with and what it is taught agree.
        """
        before = self._before(place)
        if self.text.startswith(before) and len(before) <= first:
            return len(before)
        with suppress(RenderProblem):
            asked = self._render(self._messages[:place]) if place else ""
            bare = self._render([*self._messages[:place], {"role": "assistant", "content": _STAND_IN}])
            agreed = _shared(before, bare)
            if self.text.startswith(asked) and len(asked) <= agreed <= first and self.text.startswith(bare[:agreed]):
                return agreed
        return first

    def _before(self, place: int) -> str:
        """The conversation up to an answer, as the model is asked for it."""
        return self._render(self._messages[:place], prompt=True) if place else ""


def _in_other_words(answer: dict[str, object]) -> dict[str, object]:
    """An answer of the same parts that says something else."""
    changed = {key: _STAND_IN if isinstance(value, str) and value else value for key, value in answer.items()}
    calls = {"tool_calls": [{"type": "function", "function": {"name": _STAND_IN, "arguments": {}}}]}
    return {**changed, "role": answer["role"], **(calls if answer.get("tool_calls") else {})}


def _shared(one: Sequence[str] | str, other: Sequence[str] | str) -> int:
    """How many characters two texts have in common at the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
